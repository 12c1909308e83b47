"""Answers to conversations and prompts, whole and in pieces."""

from __future__ import annotations

from dataclasses import fields

from domain.inference import GenerationReport, Sampling
from domain.inference.events import FinishReason
from entrypoints.http.openapi.json_shapes import (
    COUNT,
    NUMBER,
    STRING,
    STRINGS,
    Shape,
    array,
    component,
    constant,
    mapping,
    nullable,
    record,
)

REASON = constant(*(str(each) for each in FinishReason))
BYTES = array({"type": "integer", "minimum": 0, "maximum": 255})
TOKEN = {"token": STRING, "bytes": BYTES, "logprob": NUMBER}
IN_STREAM = "The data of one event of a stream; the last event is [DONE], or an Error."
EXTRAS = {"warnings": STRINGS, "mlxk": component("AnswerAdditions")}
FUNCTION = record({"name": nullable(STRING), "arguments": STRING})


def answer_shapes() -> dict[str, Shape]:
    return {**_parts(), **_chat(), **_completion()}


def _parts() -> dict[str, Shape]:
    return {
        "Usage": record(
            {
                "prompt_tokens": COUNT,
                "completion_tokens": COUNT,
                "total_tokens": COUNT,
                "prompt_tokens_details": record({"cached_tokens": COUNT}),
                "completion_tokens_details": record({"reasoning_tokens": COUNT}),
            },
            about="Counted by the tokenizer, never estimated.",
        ),
        "TokenLogprobs": record(
            {"content": array(record({**TOKEN, "top_logprobs": array(record(TOKEN))})), "refusal": {"type": "null"}},
            about="One entry a token of the answer.",
        ),
        "TokenTable": record(
            {
                "tokens": STRINGS,
                "token_logprobs": array(nullable(NUMBER)),
                "top_logprobs": array(nullable(mapping(NUMBER))),
                "text_offset": array(COUNT),
            },
            about="Columns, with a place for each token.",
        ),
        "AnswerAdditions": record(
            {},
            {
                "alone": {"type": "string", "description": "Why the answer was not made in a batch with others."},
                "report": component("AnswerReport"),
                "prompt_progress": record({"done": COUNT, "total": COUNT}, about="Tokens of the prompt; in streams."),
            },
            about="What mlxk adds, each only where it says something.",
        ),
        "AnswerReport": _report(),
        "GivenCall": record({"id": nullable(STRING), "type": constant("function"), "function": FUNCTION}),
    }


def _chat() -> dict[str, Shape]:
    whole = {"index": COUNT, "message": _message(), **_scores("TokenLogprobs"), "finish_reason": REASON}
    piece = {"index": COUNT, "delta": _delta(), **_scores("TokenLogprobs"), "finish_reason": nullable(REASON)}
    return {
        "ChatCompletion": record(
            {**_head("chat.completion"), "choices": array(record(whole, EXTRAS)), "usage": component("Usage")}, EXTRAS
        ),
        "ChatCompletionChunk": record(
            {**_head("chat.completion.chunk"), "choices": array(record(piece))},
            {**EXTRAS, "usage": nullable(component("Usage"))},
            about=IN_STREAM,
        ),
    }


def _message() -> Shape:
    return record(
        {"role": constant("assistant"), "content": nullable(STRING), "refusal": {"type": "null"}},
        {"reasoning_content": STRING, "tool_calls": array(component("GivenCall"))},
    )


def _delta() -> Shape:
    return record(
        {},
        {
            "role": constant("assistant"),
            "content": nullable(STRING),
            "refusal": {"type": "null"},
            "reasoning_content": STRING,
            "tool_calls": array(_piece_of_call()),
        },
    )


def _completion() -> dict[str, Shape]:
    def choice(reason: Shape, extras: dict[str, Shape]) -> Shape:
        return record({"text": STRING, "index": COUNT, **_scores("TokenTable"), "finish_reason": reason}, extras)

    return {
        "Completion": record(
            {**_head("text_completion"), "choices": array(choice(REASON, EXTRAS)), "usage": component("Usage")}, EXTRAS
        ),
        "CompletionChunk": record(
            {**_head("text_completion"), "choices": array(choice(nullable(REASON), {}))},
            {**EXTRAS, "usage": nullable(component("Usage"))},
            about=IN_STREAM,
        ),
    }


def _head(kind: str) -> dict[str, Shape]:
    return {
        "id": STRING,
        "object": constant(kind),
        "created": {"type": "integer", "description": "Unix seconds."},
        "model": {"type": "string", "description": "The model's full name."},
        "system_fingerprint": STRING,
    }


def _scores(name: str) -> dict[str, Shape]:
    return {"logprobs": nullable(component(name))}


def _piece_of_call() -> Shape:
    """A call's first piece names it, the later ones are arguments."""
    function = record({"arguments": STRING}, {"name": nullable(STRING)})
    return record({"index": COUNT, "function": function}, {"id": nullable(STRING), "type": constant("function")})


def _report() -> Shape:
    named: dict[str, Shape] = {each.name: {} for each in fields(GenerationReport)}
    sampling: dict[str, Shape] = {each.name: {} for each in fields(Sampling)}
    return record(
        {**named, "sampling": record(sampling)}, about="How the answer came about; seconds, tokens and bytes."
    )
