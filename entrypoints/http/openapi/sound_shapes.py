"""What was heard."""

from __future__ import annotations

from domain.inference.transcription import HearingTask
from entrypoints.http.openapi.json_shapes import (
    COUNT,
    NUMBER,
    STRING,
    Shape,
    array,
    component,
    constant,
    nullable,
    record,
)
from entrypoints.http.openapi.operation import EVENTS, JSON

SECONDS: Shape = {"type": "number", "minimum": 0}
DURATION = record({"type": constant("duration"), "seconds": SECONDS}, about="Of the sound.")
TOKENS = record({"type": constant("tokens"), "input_tokens": COUNT, "output_tokens": COUNT, "total_tokens": COUNT})
EVENT = record(
    {
        "event": STRING,
        "data": {
            **STRING,
            "contentMediaType": JSON,
            "contentSchema": {"anyOf": [component("TranscriptDelta"), component("TranscriptDone"), component("Error")]},
        },
    },
    about="An event. The last one is transcript.text.done, or an Error. Lines that begin with a colon are comments.",
)
HEARD: Shape = {
    "description": "What was said, in the format that was asked for.",
    "content": {
        JSON: {"schema": {"anyOf": [component("Transcription"), component("VerboseTranscription")]}},
        "text/plain": {"schema": STRING},
        "text/vtt": {"schema": STRING},
        EVENTS: {"schema": EVENT},
    },
}


def sound_shapes() -> dict[str, Shape]:
    verbose = {
        "task": constant(*(str(each) for each in HearingTask)),
        "language": nullable(STRING),
        "duration": SECONDS,
        "text": STRING,
    }
    timed = {"segments": array(component("HeardSegment")), "words": array(component("HeardWord"))}
    return {
        "Transcription": record({"text": STRING, "usage": DURATION}),
        "VerboseTranscription": record({**verbose, "usage": DURATION}, timed),
        "HeardSegment": record(
            {
                "id": COUNT,
                "seek": COUNT,
                "start": SECONDS,
                "end": SECONDS,
                "text": STRING,
                "tokens": array(COUNT),
                "temperature": NUMBER,
                "avg_logprob": NUMBER,
                "compression_ratio": NUMBER,
                "no_speech_prob": NUMBER,
            }
        ),
        "HeardWord": record({"word": STRING, "start": SECONDS, "end": SECONDS}),
        "TranscriptDelta": record({"type": constant("transcript.text.delta"), "delta": STRING}),
        "TranscriptDone": record(
            {"type": constant("transcript.text.done"), "text": STRING, "usage": TOKENS},
            {"task": STRING, "language": nullable(STRING), "duration": SECONDS, **timed},
        ),
    }
