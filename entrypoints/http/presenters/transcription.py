"""Transcriptions on the wire, as OpenAI's API spells them."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator

from flask import Response, jsonify

from domain.errors import MlxkError
from domain.inference.subtitles import cues, srt, vtt
from domain.inference.transcription import (
    HeardSegment,
    HearingEvent,
    HearingProgress,
    Segment,
    Transcription,
)
from entrypoints.http.errors import unexpected
from entrypoints.http.presenters.sse import KEEP_ALIVE, encoded, error_event
from entrypoints.http.schemas.transcription import ResponseFormat, TranscriptionBody
from entrypoints.transcript_objects import duration_usage, transcript_object

PLAIN = "text/plain; charset=utf-8"
SUBTITLES = "text/vtt; charset=utf-8"
JSON = "application/json"
WARNINGS = "X-Mlxk-Warnings"
UNSAFE = re.compile(r"[^ -~]")
MOST_HEADER = 1_000


def present_transcription(asked: TranscriptionBody, heard: Transcription) -> Response:
    """What went wrong without being an error stands in the JSON as `warnings`, else in a header."""
    response = _whole(asked, heard)
    if heard.warnings and response.mimetype != JSON:
        response.headers[WARNINGS] = " ".join(UNSAFE.sub("?", each) for each in heard.warnings)[:MOST_HEADER]
    return response


def _whole(asked: TranscriptionBody, heard: Transcription) -> Response:
    match asked.format:
        case ResponseFormat.JSON:
            return jsonify({"text": heard.text, "usage": duration_usage(heard), **_warnings(heard)})
        case ResponseFormat.VERBOSE_JSON:
            return jsonify(verbose(asked, heard))
        case ResponseFormat.TEXT:
            return Response(f"{heard.text}\n", content_type=PLAIN)
        case ResponseFormat.SRT:
            return Response(srt(cues(heard.segments)), content_type=PLAIN)
        case ResponseFormat.VTT:
            return Response(vtt(cues(heard.segments)), content_type=SUBTITLES)


def verbose(asked: TranscriptionBody, heard: Transcription) -> dict[str, object]:
    shown = transcript_object(heard, asked.request.task, words=asked.words, segments=asked.segments)
    return {**shown, "usage": duration_usage(heard), **_warnings(heard)}


def _warnings(heard: Transcription) -> dict[str, object]:
    """Beside OpenAI's fields, and only where there are any."""
    return {"warnings": list(heard.warnings)} if heard.warnings else {}


def transcript_events(events: Iterator[HearingEvent | None], asked: TranscriptionBody) -> Generator[bytes]:
    """`transcript.text.delta` for every piece, `transcript.text.done` at the end, and a comment wherever nothing is
    said. The pieces joined are the text; of subtitles, the file. An error becomes an `error` event.
    """
    pieces = _pieces(asked.format)
    try:
        for event in events:
            match event:
                case None | HearingProgress():
                    yield KEEP_ALIVE
                case HeardSegment():
                    yield _event({"type": "transcript.text.delta", "delta": pieces(event)})
                case Transcription():
                    yield _event(_done(asked, event))
    except MlxkError as fault:
        yield error_event(fault)
    except Exception:
        yield error_event(unexpected())
        raise


def _pieces(form: ResponseFormat) -> Callable[[HeardSegment], str]:
    """What each segment adds: of the text, or of the file of subtitles as a whole file begins it."""
    if form not in (ResponseFormat.SRT, ResponseFormat.VTT):
        return lambda event: event.delta
    segments: list[Segment] = []
    write = srt if form is ResponseFormat.SRT else vtt

    def piece(event: HeardSegment) -> str:
        before = write(cues(segments)) if segments else ""
        segments.append(event.segment)
        return write(cues(segments)).removeprefix(before)

    return piece


def _done(asked: TranscriptionBody, heard: Transcription) -> dict[str, object]:
    usage = {
        "type": "tokens",
        "input_tokens": heard.prompt_tokens,
        "output_tokens": heard.completion_tokens,
        "total_tokens": heard.prompt_tokens + heard.completion_tokens,
    }
    text = heard.text
    more: dict[str, object] = {}
    match asked.format:
        case ResponseFormat.SRT:
            text = srt(cues(heard.segments))
        case ResponseFormat.VTT:
            text = vtt(cues(heard.segments))
        case ResponseFormat.VERBOSE_JSON:
            more = verbose(asked, heard)
    return {**more, "type": "transcript.text.done", "text": text, "usage": usage, **_warnings(heard)}


def _event(data: dict[str, object]) -> bytes:
    return f"event: {data['type']}\ndata: {encoded(data)}\n\n".encode()
