"""Answers with thoughts, calls, scores and warnings: whole, streamed, and the same in both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.server_client.answer_reader import AnswerReader
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    PromptProgress,
    ReasoningDelta,
    ScoredToken,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from entrypoints.http.presenters.chat import present_answer
from entrypoints.http.presenters.chat_chunks import ChatChunks
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.sse import written
from tests.support.fakes.event_worker import REPORT, TOLD

IDENTITY = AnswerIdentity("chatcmpl-1", 1700000000, "m")


def numbered(events: Iterable[GenerationEvent]) -> Iterator[tuple[int, GenerationEvent]]:
    """Of an only choice."""
    return ((0, event) for event in events)


def whole(*events: GenerationEvent, **shape: bool) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(present_answer(IDENTITY, numbered(events), AnswerShape(**shape))))
    return answer


def writes(*events: GenerationEvent, **shape: bool) -> list[bytes]:
    return list(written(numbered(events), lambda: ChatChunks(IDENTITY, AnswerShape(**shape))))


def chunks(*events: GenerationEvent, **shape: bool) -> list[Any]:
    lines = b"".join(writes(*events, **shape)).decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def deltas(*events: GenerationEvent) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(*events)]


def message(*events: GenerationEvent) -> Any:
    return whole(*events)["choices"][0]["message"]


def test_thoughts_have_a_field_of_their_own() -> None:
    assert message(*TOLD["think"]) == {
        "role": "assistant",
        "content": "four",
        "refusal": None,
        "reasoning_content": "two and two",
    }
    assert deltas(*TOLD["think"])[1:] == [
        {"reasoning_content": "two and "},
        {"reasoning_content": "two"},
        {"content": "four"},
        {},
    ]


def test_usage_tells_what_was_cached_and_what_was_thought() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 9,
        "total_tokens": 14,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    assert whole(*TOLD["think"])["usage"] == usage
    assert chunks(*TOLD["think"], include_usage=True)[-1]["usage"] == usage


def test_calls_stand_in_place_of_content() -> None:
    answer = whole(*TOLD["call"])["choices"][0]
    assert answer["finish_reason"] == "tool_calls"
    assert answer["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}},
            {"id": "call_b", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        ],
    }


def test_a_streamed_call_is_named_once_and_then_grows() -> None:
    named = {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": ""}}
    assert deltas(*TOLD["call"])[:3] == [
        {"role": "assistant", "content": None, "refusal": None},
        {"tool_calls": [{"index": 0, **named}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
    ]


def test_logprobs_are_told_as_openai_tells_them() -> None:
    entries = [
        {
            "token": "\ufffd",
            "bytes": [0xE2, 0x82],
            "logprob": -0.5,
            "top_logprobs": [{"token": "a", "bytes": [97], "logprob": -1.25}],
        },
        {"token": "\ufffd", "bytes": [0xAC], "logprob": -0.25, "top_logprobs": []},
        {"token": "!", "bytes": [33], "logprob": -0.0, "top_logprobs": []},
    ]
    choice = whole(*TOLD["score"], scored=True)["choices"][0]
    assert choice["logprobs"] == {"content": entries, "refusal": None}
    streamed = [chunk["choices"][0]["logprobs"] for chunk in chunks(*TOLD["score"], scored=True)]
    assert streamed == [
        None,
        {"content": entries[:1], "refusal": None},
        {"content": entries[1:], "refusal": None},
        None,
    ]


def test_logprobs_are_null_unless_asked_for_and_empty_for_an_empty_answer() -> None:
    end = Finished(FinishReason.STOP, Usage(1, 1))
    assert whole(end)["choices"][0]["logprobs"] is None
    assert whole(end, scored=True)["choices"][0]["logprobs"] == {"content": [], "refusal": None}


def test_what_is_impossible_is_still_a_number() -> None:
    never = TokenLogprob(ScoredToken("x", b"x", float("-inf")))
    told = whole(TextDelta("x", (never,)), Finished(FinishReason.STOP, Usage(1, 1)), scored=True)
    assert told["choices"][0]["logprobs"]["content"][0]["logprob"] == -9999.0


def test_warnings_and_being_alone_are_told_at_the_end() -> None:
    for told in (whole(*TOLD["warn"]), chunks(*TOLD["warn"])[-1]):
        assert told["warnings"] == ["a call could not be read", "and one more"]
        assert told["mlxk"] == {"alone": REPORT.alone}
        assert told["choices"][0]["finish_reason"] == "length"
    assert not {"warnings", "mlxk"} & set(whole(*TOLD["think"]))
    assert not any({"warnings", "mlxk"} & set(chunk) for chunk in chunks(*TOLD["warn"])[:-1])


def test_the_report_comes_when_asked_for() -> None:
    for told in (whole(*TOLD["warn"], report=True), chunks(*TOLD["warn"], report=True)[-1]):
        assert told["mlxk"]["report"]["sampling"]["logit_bias"] == [[1, -1.5], [2, 4.0]]
        assert told["mlxk"]["report"]["prefill_seconds"] == 0.5


def test_every_event_is_one_write() -> None:
    for events in TOLD.values():
        assert len(writes(*events, include_usage=True, report=True)) == len(events)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
tokens = st.builds(ScoredToken, texts, st.binary(max_size=4), st.floats(-50, 0))
scores = st.lists(st.builds(TokenLogprob, tokens, st.lists(tokens, max_size=2).map(tuple)), min_size=1, max_size=2)


@st.composite
def answers(draw: st.DrawFn) -> list[GenerationEvent]:
    """What the transcript promises: thoughts and text in any order, then calls, each named in its first piece."""
    pieces: list[GenerationEvent] = draw(
        st.lists(
            st.one_of(
                st.builds(ReasoningDelta, texts.filter(bool)),
                st.builds(TextDelta, texts.filter(bool)),
                st.builds(TextDelta, texts, scores.map(tuple)),
            ),
            max_size=6,
        )
    )
    for index, arguments in enumerate(draw(st.lists(st.lists(texts, min_size=1, max_size=3), max_size=3))):
        pieces.append(ToolCallDelta(index, f"call_{index}", draw(texts), arguments[0]))
        pieces += [ToolCallDelta(index, None, None, piece) for piece in arguments[1:]]
    report = draw(st.sampled_from([None, REPORT]))
    warnings = tuple(draw(st.lists(texts, max_size=2)))
    usage = draw(st.builds(Usage, *[st.integers(0, 9)] * 4))
    return [*pieces, Finished(draw(st.sampled_from(FinishReason)), usage, report, warnings)]


def assembled(streamed: list[Any]) -> dict[str, Any]:
    """What a client makes of a stream, by the rules of OpenAI's API."""
    answer: dict[str, Any] = {"content": "", "reasoning_content": "", "logprobs": [], "calls": {}}
    for chunk in streamed:
        answer |= {name: chunk[name] for name in ("usage", "warnings", "mlxk") if chunk.get(name)}
        for choice in chunk["choices"]:
            delta = choice["delta"]
            answer["finish_reason"] = choice["finish_reason"]
            answer["content"] += delta.get("content") or ""
            answer["reasoning_content"] += delta.get("reasoning_content", "")
            answer["logprobs"] += choice["logprobs"]["content"] if choice["logprobs"] else []
            for piece in delta.get("tool_calls", []):
                call = answer["calls"].setdefault(piece["index"], {"id": piece.get("id"), "arguments": ""})
                call.setdefault("name", piece["function"].get("name"))
                call["arguments"] += piece["function"]["arguments"]
    return answer


@settings(max_examples=150, deadline=None)
@given(answers())
def test_a_streamed_answer_equals_the_whole_one(events: list[GenerationEvent]) -> None:
    streamed = assembled(chunks(*events, scored=True, report=True, include_usage=True))
    answer = whole(*events, scored=True, report=True)
    choice = answer["choices"][0]
    said = choice["message"]
    calls = [
        {"id": each["id"], "name": each["function"]["name"], "arguments": each["function"]["arguments"]}
        for each in said.get("tool_calls", [])
    ]
    assert streamed["content"] == (said["content"] or "")
    assert streamed["reasoning_content"] == said.get("reasoning_content", "")
    assert list(streamed["calls"].values()) == calls
    assert streamed["logprobs"] == choice["logprobs"]["content"]
    assert streamed["finish_reason"] == choice["finish_reason"]
    for name in ("usage", "warnings", "mlxk"):
        assert streamed.get(name) == answer.get(name)


@settings(max_examples=150, deadline=None)
@given(answers())
def test_our_own_client_reads_back_the_very_events(events: list[GenerationEvent]) -> None:
    """Streamed one by one; whole with the pieces of each kind joined."""
    streamed = b"".join(writes(*events, scored=True, report=True, include_usage=True))
    assert list(AnswerReader().streamed(iter(streamed.split(b"\n")))) == events
    read = list(AnswerReader().whole(json.dumps(whole(*events, scored=True, report=True)).encode()))
    assert read[-1] == events[-1]
    for kind in (TextDelta, ReasoningDelta):
        assert "".join(e.text for e in read if isinstance(e, kind)) == "".join(
            e.text for e in events if isinstance(e, kind)
        )


def test_our_own_client_reads_how_far_a_prompt_has_come() -> None:
    events = [PromptProgress(3, 9), PromptProgress(9, 9), *TOLD["think"]]
    streamed = b"".join(writes(*events, report=True, include_usage=True))
    assert list(AnswerReader().streamed(iter(streamed.split(b"\n")))) == events
