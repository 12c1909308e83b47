"""A chat body becomes a request, or an error that names the field."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import InvalidRequest, MlxkError, UnsupportedParameter
from domain.inference import DefaultLength, Message, Role
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.schemas.chat import parse_chat
from entrypoints.http.schemas.unsupported import CHAT

USER = {"role": "user", "content": "hi"}


def parse(**fields: Any) -> Answers:
    return parse_chat({"model": "m", "messages": [USER], **fields}, None)


def refused(**fields: Any) -> MlxkError:
    with pytest.raises(MlxkError) as caught:
        parse(**fields)
    return caught.value


def test_the_least_body() -> None:
    body = parse()
    assert (body.model, body.stream, body.include_usage, body.ignored) == ("m", False, False, ())
    assert body.request.messages == (Message(Role.USER, "hi"),)
    assert body.request.stop == ()
    assert (body.request.sampling.temperature, body.request.sampling.top_p, body.request.sampling.seed) == (None,) * 3
    assert (body.request.limits.default, body.request.limits.requested) == (DefaultLength.HALF_CONTEXT, None)


def test_everything_is_taken_over() -> None:
    body = parse(
        stream=True,
        stream_options={"include_usage": True},
        stop=["a", "b"],
        seed=7,
        temperature=0,
        top_p=0.5,
        max_tokens=9,
    )
    assert body.stream
    assert body.include_usage
    assert body.request.stop == ("a", "b")
    sampling = body.request.sampling
    assert (sampling.seed, sampling.temperature, sampling.top_p) == (7, 0.0, 0.5)
    assert body.request.limits.requested == 9


def test_nulls_mean_unset() -> None:
    nothing = dict.fromkeys(
        ["stream", "stream_options", "stop", "seed", "temperature", "top_p", "max_tokens", "max_completion_tokens"]
    )
    assert parse(**nothing) == parse()


def test_every_role_we_know_is_taken() -> None:
    turns = [
        {"role": role, "content": role} for role in ("system", "developer", "user", "assistant", "tool", "function")
    ]
    messages = parse(messages=[*turns, USER]).request.messages
    roles = [Role.SYSTEM, Role.DEVELOPER, Role.USER, Role.ASSISTANT, Role.TOOL, Role.TOOL, Role.USER]
    assert [each.role for each in messages] == roles


def test_an_assistant_with_neither_content_nor_calls_is_refused() -> None:
    fault = refused(messages=[USER, {"role": "assistant", "content": None, "tool_calls": []}, USER])
    assert fault.param == "messages.1.content"
    assert "got null" in fault.message


def test_both_names_of_the_limit_mean_the_same() -> None:
    assert parse(max_completion_tokens=4).request.limits.requested == 4
    assert parse(max_completion_tokens=4, max_tokens=4).request.limits.requested == 4
    assert refused(max_completion_tokens=4, max_tokens=5).param == "max_completion_tokens"


def test_the_servers_own_length_is_passed_on() -> None:
    body = parse_chat({"model": "m", "messages": [USER]}, 33)
    assert body.request.limits.server_default == 33


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"model": " "}, "model"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"seed": 2**64}, "seed"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_value_is_named(fields: dict[str, Any], param: str) -> None:
    fault = refused(**fields)
    assert type(fault) is InvalidRequest
    assert fault.param == param


ASKING = {
    "audio": {"voice": "x"},
    "function_call": {"name": "f"},
    "functions": [{"name": "f"}],
    "modalities": ["text", "audio"],
    "moderation": {"model": "x"},
    "prediction": {"type": "content", "content": "x"},
    "service_tier": "flex",
    "store": True,
    "verbosity": "low",
    "web_search_options": {},
}
ASKING_NOTHING = {
    "function_call": "none",
    "functions": [],
    "modalities": ["text"],
    "service_tier": "auto",
    "store": False,
    "verbosity": "medium",
}


def test_every_unsupported_parameter_is_tried_here() -> None:
    assert set(ASKING) == set(CHAT)


@pytest.mark.parametrize(("name", "value"), ASKING.items())
def test_a_parameter_we_cannot_honour_is_refused_by_name(name: str, value: object) -> None:
    fault = refused(**{name: value})
    assert isinstance(fault, UnsupportedParameter)
    assert fault.param == name
    assert name in fault.message


@pytest.mark.parametrize(("name", "value"), [*ASKING_NOTHING.items(), *dict.fromkeys(CHAT).items()])
def test_its_neutral_value_is_taken(name: str, value: object) -> None:
    assert parse(**{name: value}) == parse()


@pytest.mark.parametrize(
    ("name", "value"), [("n", True), ("n", "1"), ("n", 0), ("n", 17), ("store", 0), ("functions", {})]
)
def test_a_neutral_value_has_the_right_type(name: str, value: object) -> None:
    assert refused(**{name: value}).param == name


def test_all_unsupported_parameters_are_named_together() -> None:
    assert refused(functions=[{}], verbosity="low").message == "functions, verbosity: not supported by mlxk"


def test_fields_nobody_reads_are_kept_aside_and_listed() -> None:
    body = parse(
        user="u",
        metadata={},
        frobnicate=1,
        messages=[{**USER, "mood": "odd"}, {**USER, "mood": "even", "annotations": None}],
        tools=[{"type": "function", "function": {"name": "f", "icon": "x"}}],
        response_format={"type": "text", "colour": "red"},
        stream=True,
        stream_options={"include_obfuscation": False, "include_mood": True},
    )
    assert body.ignored == (
        "frobnicate",
        "messages.*.mood",
        "tools.*.function.icon",
        "response_format.colour",
        "stream_options.include_mood",
    )
