"""However an answer is cut into pieces, the same comes of it."""

from __future__ import annotations

from typing import TypedDict

from hypothesis import given
from hypothesis import strategies as st

from domain.inference import PLAIN, FinishReason, OutputFormat
from domain.inference.transcript import AnswerStart
from tests.support.transcripts import (
    CHANNELS,
    NESTED,
    OPEN_END,
    OPEN_JSON,
    TAGS,
    WHOLE_CALLS,
    Result,
    cut,
    rules,
    transcribed,
)

GOOD_CALL = '{"name": "f", "arguments": {"a": "\\"</tool_call>\\" }🦉", "b": [1, {"c": null}]}}'
TAG_PARTS = [
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<call>", "</call>", "[TOOL_CALLS]"),
    *("<th", "</", "<tool_", " ", "\n", "\n\n", "Hi", "🦉", "END", "EN", "D", "<", '"', "}", "{", ","),
    GOOD_CALL,
    f"\n{GOOD_CALL}\n",
    f"[{GOOD_CALL}]",
    '{"arguments": {"x": 1.5e3}, "name": "g"}',
    '{"name": "h", "parameters": "{\\"a\\": 1}"}',
    '{"id": "x1", "name": "unknown"}',
    '{"name": "f", "id": "late"}',
    *("<<", "<", ">>>", ">"),
    '<tool_call>{"name": "f", "arguments": {"a\t": "1\n\\\\",\n"b\x00": "\\"\r"}}',
    '{"name": "f", "arguments": "{\\"a\\": \\"\t\\n\\"}"}',
    '{"name": "f", "arguments": {"a": [NaN, "x"]}}',
    '{"arguments": {"a": -Infinity}, "name": "f"}',
    '{"name": "f", "arguments": "{\\"a\\": NaN}"}',
    '{"name": "f", "arguments": {"a": ',
    '{"name": "f", "arguments": {"a" 1}}',
    '{"name": "f", "arguments": [1]}',
    '{"name": 5}',
    '<tool_call>{"name": "f", "argu',
    '<tool_call>{"name": "f", "arguments": "',
    '<tool_call>{"name": "f"',
]
CHANNEL_PARTS = [
    *("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|call|>", "<|return|>", "<|constrain|>"),
    *("analysis", "final", "commentary", "assistant", " to=functions.f", "to=", "json", "<|", "weird"),
    "<|channel|>analysis<|message|>",
    "<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>",
    "<|start|>assistant to=functions.f<|channel|>commentary<|message|>",
    *('{"a": {"b": "}🦉"}}', '{"a": "\n\\\\\t"}', '{"a": NaN}', "Hi", "🦉", " ", "\n\n", "END", "EN", "x" * 300),
]
STOPS = st.lists(st.sampled_from(["END", "ENDE", "\n\n", "Hi", "🦉", "D<", "<", "<<"]), max_size=2)
CUTS = st.lists(st.integers(0, 2000), max_size=30)
FORMS = [PLAIN, TAGS, WHOLE_CALLS, OPEN_END, OPEN_JSON, NESTED]
ENDS = st.sampled_from([FinishReason.STOP, FinishReason.LENGTH])
STARTS = st.sampled_from(
    [AnswerStart(), AnswerStart(in_thought=True), AnswerStart(in_call=True), AnswerStart(in_text=True)]
)


def texts(parts: list[str]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(parts), max_size=10).map("".join)


class How(TypedDict):
    stop: list[str]
    tools: str
    start: AnswerStart
    end: FinishReason


def result(pieces: list[str], form: OutputFormat, how: How) -> Result:
    offered = None if how["tools"] == "none" else rules("f", "g", parallel=how["tools"] == "many")
    return transcribed(pieces, form, stop=how["stop"], tools=offered, start=how["start"], end=how["end"])


HOWS = st.builds(How, stop=STOPS, tools=st.sampled_from(["none", "one", "many"]), start=STARTS, end=ENDS)


def check(text: str, form: OutputFormat, how: How, cuts: list[int]) -> None:
    whole = result([text], form, how)
    assert result(cut(text, cuts), form, how) == whole
    assert result(list(text), form, how) == whole


@given(texts(TAG_PARTS), st.sampled_from(FORMS), HOWS, CUTS)
def test_answers_with_tags(text: str, form: OutputFormat, how: How, cuts: list[int]) -> None:
    check(text, form, how, cuts)


@given(texts(CHANNEL_PARTS), HOWS, CUTS)
def test_answers_in_channels(text: str, how: How, cuts: list[int]) -> None:
    check(text, CHANNELS, how, cuts)


@given(st.text("ab\n🎉", max_size=40), st.lists(st.text("ab\n🎉", min_size=1, max_size=5), max_size=4), CUTS)
def test_the_text_before_the_earliest_stop_string_is_shown(text: str, stop: list[str], cuts: list[int]) -> None:
    found = [at for word in stop if (at := text.find(word)) >= 0]
    shown = transcribed(cut(text, cuts), stop=stop)
    assert (shown.content, shown.stopped) == ((text[: min(found)], True) if found else (text, False))
