"""A transcription in each of the formats that `mlxk transcribe` writes."""

from __future__ import annotations

import json

from domain.inference.subtitles import cues, srt, vtt
from domain.inference.transcription import HearingTask, Transcription
from entrypoints.transcript_objects import duration_usage, transcript_object

ENDINGS = {"text": "txt", "json": "json", "verbose_json": "json", "srt": "srt", "vtt": "vtt"}


def written(heard: Transcription, form: str, task: HearingTask, *, words: bool) -> str:
    """Whole, with a line end. words: their times too, and cues by them."""
    match form:
        case "srt":
            return srt(cues(heard.segments, by_words=words))
        case "vtt":
            return vtt(cues(heard.segments, by_words=words))
        case "json":
            return f"{_line({'text': heard.text, 'usage': duration_usage(heard)})}\n"
        case "verbose_json":
            return f"{_line({**transcript_object(heard, task, words=words), 'usage': duration_usage(heard)})}\n"
        case _:
            return f"{heard.text}\n"


def remark(done_seconds: float, total_seconds: float) -> str:
    """How far it is."""
    percent = 100 if total_seconds <= 0 else min(100, int(100 * done_seconds / total_seconds))
    return f"Heard {_clock(done_seconds)} of {_clock(total_seconds)} ({percent} %)"


def _line(body: dict[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
