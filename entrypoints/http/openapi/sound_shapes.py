"""What was heard, and what was said."""

from __future__ import annotations

from domain.inference.transcription import HearingTask
from entrypoints.http.openapi.json_shapes import (
    COUNT,
    NUMBER,
    STRING,
    STRINGS,
    Shape,
    array,
    component,
    constant,
    nullable,
    record,
)
from entrypoints.http.openapi.operation import EVENTS, JSON
from entrypoints.http.presenters.speech import CONTENT_TYPES

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
SPEECH_EVENT = record(
    {
        "event": STRING,
        "data": {
            **STRING,
            "contentMediaType": JSON,
            "contentSchema": {"anyOf": [component("SpeechDelta"), component("SpeechDone"), component("Error")]},
        },
    },
    about="An event. The last one is speech.audio.done, or an Error. Lines that begin with a colon are comments.",
)
BINARY: Shape = {"type": "string", "format": "binary"}
SPOKEN: Shape = {
    "description": "The sound, in the format that was asked for.",
    "content": {**{kind: {"schema": BINARY} for kind in CONTENT_TYPES.values()}, EVENTS: {"schema": SPEECH_EVENT}},
}


def _speech_events() -> dict[str, Shape]:
    usage = record({"input_tokens": COUNT, "output_tokens": COUNT, "total_tokens": COUNT})
    return {
        "SpeechDelta": record(
            {"type": constant("speech.audio.delta"), "audio": {**STRING, "contentEncoding": "base64"}},
            about="The next piece of the file.",
        ),
        "SpeechDone": record({"type": constant("speech.audio.done"), "usage": usage}),
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
        **_speech_events(),
        "Transcription": record({"text": STRING, "usage": DURATION}, {"warnings": STRINGS}),
        "VerboseTranscription": record({**verbose, "usage": DURATION}, {**timed, "warnings": STRINGS}),
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
            {"task": STRING, "language": nullable(STRING), "duration": SECONDS, **timed, "warnings": STRINGS},
        ),
    }
