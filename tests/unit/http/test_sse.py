"""A stream of events: what is on the wire, and what happens when it breaks."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import pytest

from application.inference.several import ChoiceEvent
from domain.errors import EngineDied
from domain.inference import Finished, FinishReason, GenerationEvent, PromptProgress, TextDelta, Usage
from entrypoints.http.presenters.chat_chunks import ChatChunks
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.sse import ClosingStream, written
from entrypoints.http.request_ids import begin_request

IDENTITY = AnswerIdentity("chatcmpl-1", 1700000000, 'odd "name"/\u00e9')
END = Finished(FinishReason.LENGTH, Usage(3, 2))


def stream(events: Iterable[GenerationEvent | None], **shape: bool) -> Generator[bytes]:
    numbered = (None if event is None else (0, event) for event in events)
    return written(numbered, lambda: ChatChunks(IDENTITY, AnswerShape(**shape)))


def raw(*events: GenerationEvent | None, **shape: bool) -> list[bytes]:
    return list(stream(events, **shape))


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
        yield from (TextDelta("a"), TextDelta("b"))
        raise EngineDied("the engine died", hint="ask again")

    begin_request("the-id")
    chunks = data(list(stream(dying())))
    assert chunks[-1] == {
        "status": "error",
        "error": {
            "type": "engine_died",
            "message": "the engine died",
            "code": "engine_died",
            "param": None,
            "retryable": True,
            "hint": "ask again",
        },
        "request_id": "the-id",
    }
    assert "[DONE]" not in chunks


def test_an_unexpected_fault_is_told_without_its_words_and_raised_for_the_log() -> None:
    def broken() -> Iterator[GenerationEvent]:
        yield TextDelta("a")
        raise KeyError("secret")

    writes = stream(broken())
    next(writes)
    told = next(writes)
    assert b"internal_error" in told
    assert b"secret" not in told
    with pytest.raises(KeyError):
        next(writes)


def test_closing_a_stream_gives_everything_back_even_when_nothing_was_sent() -> None:
    closed: list[str] = []
    writes = stream([TextDelta("a")])
    ClosingStream(writes, lambda: closed.append("closed")).close()
    assert closed == ["closed"]
    assert list(writes) == []


def test_where_nothing_comes_there_is_a_comment_and_the_answer_is_the_same() -> None:
    quiet = raw(None, None, TextDelta("a"), None, END)
    assert [each for each in quiet if each == b": keep-alive\n\n"] == quiet[:2] + quiet[3:4]
    assert [each for each in quiet if not each.startswith(b":")] == raw(TextDelta("a"), END)


def test_how_far_the_prompt_is_read_stands_beside_a_choice_that_says_nothing() -> None:
    opening, progress, *_ = data(raw(PromptProgress(3, 9), TextDelta("a"), END))
    assert opening["choices"][0]["delta"]["role"] == "assistant"
    assert progress["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}]
    assert progress["mlxk"] == {"prompt_progress": {"done": 3, "total": 9}}


def test_choices_take_turns_and_the_last_to_end_ends_the_stream() -> None:
    usage = Usage(5, 2, cached_tokens=4), Usage(5, 3, cached_tokens=1)
    ends = [Finished(FinishReason.STOP, each) for each in usage]
    events: list[ChoiceEvent] = [
        (1, TextDelta("x")),
        (0, TextDelta("a")),
        (1, ends[1]),
        (0, TextDelta("b")),
        (0, ends[0]),
    ]
    shape = AnswerShape(include_usage=True, choices=2, answers=2)
    *chunks, total, done = data(list(written(iter(events), lambda: ChatChunks(IDENTITY, shape))))
    assert done == "[DONE]"
    assert (total["choices"], total["usage"]["prompt_tokens"], total["usage"]["completion_tokens"]) == ([], 5, 5)
    assert total["usage"]["prompt_tokens_details"] == {"cached_tokens": 1}
    for index, text in ((0, "ab"), (1, "x")):
        own = [each["choices"][0] for each in chunks if each["choices"][0]["index"] == index]
        assert own[0]["delta"]["role"] == "assistant"
        assert "".join(each["delta"].get("content", "") for each in own) == text
        assert own[-1]["finish_reason"] == "stop"
