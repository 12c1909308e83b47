"""The turns of a chat body: every role, calls and thoughts of assistants, and what was attached."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import CapabilityMismatch, MlxkError
from domain.inference import Media, Message, Role, ToolCall
from entrypoints.http.schemas.chat import parse_chat

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
LINK = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}


def turns(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return parse_chat({"model": "m", "messages": list(messages)}, None).request.messages


def refused(*messages: dict[str, Any]) -> MlxkError:
    with pytest.raises(MlxkError) as caught:
        turns(*messages)
    return caught.value


@pytest.mark.parametrize("absent", [{"content": None}, {}])
def test_an_assistant_who_calls_needs_no_content(absent: dict[str, Any]) -> None:
    _, calling, result = turns(
        USER,
        {"role": "assistant", "tool_calls": [CALL], **absent},
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
    )
    assert calling == Message(Role.ASSISTANT, "", tool_calls=(ToolCall("c1", "f", '{"a": 1}'),))
    assert result == Message(Role.TOOL, "4", tool_call_id="c1")


def test_the_old_spelling_of_calls_and_results_is_read() -> None:
    _, calling, result = turns(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "4"},
    )
    assert calling.tool_calls == (ToolCall("", "f", "{}"),)
    assert result == Message(Role.TOOL, "4", name="f")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_what_an_assistant_thought_is_kept(name: str) -> None:
    assert turns(USER, {"role": "assistant", "content": "4", name: "2+2"}, USER)[1].reasoning == "2+2"


def test_two_thoughts_that_differ_are_refused() -> None:
    fault = refused(USER, {"role": "assistant", "content": "", "reasoning": "a", "reasoning_content": "b"})
    assert fault.param == "messages.1.reasoning"


@pytest.mark.parametrize(("name", "value"), [("tool_calls", [CALL]), ("reasoning_content", "x")])
def test_only_assistants_call_and_think(name: str, value: object) -> None:
    fault = refused({**USER, name: value})
    assert fault.message == f"messages.0.{name}: only an assistant's turn has it, this is the user's"


def test_what_the_official_client_echoes_is_taken_without_a_word() -> None:
    echo = {"role": "assistant", "content": None, "refusal": None, "annotations": None, "audio": None,
            "function_call": None, "tool_calls": [CALL]}  # fmt: skip
    body = parse_chat({"model": "m", "messages": [USER, echo]}, None)
    assert body.ignored == ()


def test_a_refusal_is_what_the_assistant_said() -> None:
    parts = [{"type": "refusal", "refusal": "No."}]
    said = turns(
        USER, {"role": "assistant", "content": None, "refusal": "No."}, {"role": "assistant", "content": parts}
    )
    assert [each.content for each in said[1:]] == ["No.", "No."]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]}, "messages.1.tool_calls.0.type"),
        ({"role": "assistant", "tool_calls": [{"id": "x"}]}, "messages.1.tool_calls.0.function"),
        (
            {"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]},
            "messages.1.tool_calls.0.function.arguments",
        ),
        ({"role": "tool", "content": None}, "messages.1.content"),
        ({"role": "tool", "content": "x", "tool_call_id": 7}, "messages.1.tool_call_id"),
        ({"role": "user"}, "messages.1.content"),
        ({"role": "user", "content": "x", "name": ["a"]}, "messages.1.name"),
        ({"role": "narrator", "content": "x"}, "messages.1.role"),
    ],
)
def test_a_wrong_turn_is_named(message: dict[str, Any], param: str) -> None:
    assert refused(USER, message).param == param


def test_names_are_kept() -> None:
    assert turns({**USER, "name": "eve"})[0].name == "eve"


def test_what_earlier_turns_had_attached_and_cannot_be_shown_again_is_counted() -> None:
    past = {"role": "user", "content": [{"type": "text", "text": "look"}, LINK, LINK, SOUND]}
    first = turns(past, {"role": "assistant", "content": "nice"}, USER)[0]
    assert first == Message(Role.USER, "look", media=Media(2, 1))
    assert first.text == "look\n\n[2 image(s), 1 audio(s) were attached]"


@pytest.mark.parametrize("kind", ["input_file", "file"])
def test_what_nobody_serves_is_refused_by_place(kind: str) -> None:
    fault = refused(USER, {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": kind}]})
    assert isinstance(fault, CapabilityMismatch)
    assert fault.param == "messages.1.content.1"
    assert kind in fault.message


def test_what_a_tool_brings_to_the_last_question_is_refused_too() -> None:
    fault = refused(USER, {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": [LINK]})
    assert fault.param == "messages.2.content.0"
    assert "users' turns only" in fault.message


def test_what_cannot_be_counted_is_refused_everywhere() -> None:
    assert refused({"role": "user", "content": [{"type": "file"}]}, USER).param == "messages.0.content.0"


def test_the_last_turn_may_be_the_assistants_own() -> None:
    body = parse_chat({"model": "m", "messages": [USER, {"role": "assistant", "content": "Well"}]}, None)
    assert body.request.continues
