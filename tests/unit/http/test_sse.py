"""A stream of events: what is on the wire, and what happens when it breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from domain.errors import EngineDied
from domain.inference import Finished, FinishReason, GenerationEvent, TextDelta, Usage
from entrypoints.http.presenters.chat import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.sse import ChatChunks, ClosingStream

IDENTITY = AnswerIdentity("chatcmpl-1", 1700000000, 'odd "name"/\u00e9')
END = Finished(FinishReason.LENGTH, Usage(3, 2))


def raw(*events: GenerationEvent, **shape: bool) -> list[bytes]:
    rest = iter(events)
    return list(ChatChunks(IDENTITY, AnswerShape(**shape)).stream(next(rest), rest))


def data(writes: list[bytes]) -> list[Any]:
    lines = b"".join(writes).decode().split("\n\n")
    assert lines.pop() == ""
    assert all(line.startswith("data: ") and "\n" not in line for line in lines)
    return [line[6:] if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


def test_an_answer_is_role_text_reason_done() -> None:
    chunks = data(raw(TextDelta("a"), TextDelta("b"), END))
    assert chunks.pop() == "[DONE]"
    assert [each["choices"][0]["delta"] for each in chunks] == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "a"},
        {"content": "b"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None, None, None, "length"]
    assert {(each["id"], each["created"], each["model"], each["object"]) for each in chunks} == {
        ("chatcmpl-1", 1700000000, 'odd "name"/\u00e9', "chat.completion.chunk")
    }
    assert not any("usage" in each for each in chunks)


def test_usage_comes_last_when_asked_for_and_is_null_before() -> None:
    *chunks, usage, done = data(raw(TextDelta("a"), END, include_usage=True))
    assert [each["usage"] for each in chunks] == [None] * 3
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
    assert done == "[DONE]"


def test_an_answer_without_text_still_has_a_role() -> None:
    chunks = data(raw(END))
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[1]["choices"][0]["finish_reason"] == "length"


def test_every_event_is_one_write() -> None:
    assert len(raw(TextDelta("a"), TextDelta("b"), END, include_usage=True)) == 3


@pytest.mark.parametrize("text", ['"quoted"', "line\nbreak\r", "\u2028\u0000", "日本語 \U0001f600", "data: [DONE]\n\n"])
def test_text_survives_whatever_it_holds(text: str) -> None:
    assert data(raw(TextDelta(text), END))[1]["choices"][0]["delta"]["content"] == text


def test_an_error_becomes_an_event_and_nothing_follows() -> None:
    def dying() -> Iterator[GenerationEvent]:
        yield TextDelta("b")
        raise EngineDied("the engine died", hint="ask again")

    chunks = data(list(ChatChunks(IDENTITY, AnswerShape()).stream(TextDelta("a"), dying())))
    assert chunks[-1]["error"]["type"] == "engine_died"
    assert chunks[-1]["error"]["message"] == "the engine died"
    assert "[DONE]" not in chunks


def test_an_unexpected_fault_is_told_without_its_words_and_raised_for_the_log() -> None:
    def broken() -> Iterator[GenerationEvent]:
        raise KeyError("secret")
        yield END

    stream = ChatChunks(IDENTITY, AnswerShape()).stream(TextDelta("a"), broken())
    next(stream)
    told = next(stream)
    assert b"internal_error" in told
    assert b"secret" not in told
    with pytest.raises(KeyError):
        next(stream)


def test_closing_a_stream_gives_everything_back_even_when_nothing_was_sent() -> None:
    closed: list[str] = []
    stream = ChatChunks(IDENTITY, AnswerShape()).stream(TextDelta("a"), iter(()))
    ClosingStream(stream, lambda: closed.append("closed")).close()
    assert closed == ["closed"]
    assert list(stream) == []
