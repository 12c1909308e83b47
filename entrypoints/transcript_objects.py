"""What was heard as JSON values, the same for the command line and the server: as OpenAI's API spells them."""

from __future__ import annotations

from domain.inference.transcription import HeardWord, HearingTask, Segment, Transcription

ENGLISH = "en"


def transcript_object(
    heard: Transcription, task: HearingTask, *, words: bool = False, segments: bool = True
) -> dict[str, object]:
    """language: as a code; null for models that do not say. duration: of the sound, in seconds."""
    body: dict[str, object] = {
        "task": task.value,
        "language": ENGLISH if task is HearingTask.TRANSLATE else heard.language,
        "duration": heard.duration_seconds,
        "text": heard.text,
    }
    if words:
        body["words"] = [word_object(word) for word in heard.words]
    if segments:
        body["segments"] = [segment_object(segment) for segment in heard.segments]
    return body


def segment_object(segment: Segment) -> dict[str, object]:
    return {
        "id": segment.number,
        "seek": segment.seek,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.average_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_probability,
    }


def word_object(word: HeardWord) -> dict[str, object]:
    return {"word": word.text.strip(), "start": word.start, "end": word.end}


def duration_usage(heard: Transcription) -> dict[str, object]:
    return {"type": "duration", "seconds": heard.duration_seconds}
