"""Everything of a chat body but its messages: tools, forms, sampling, thinking, and our own additions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.errors import InvalidRequest, MlxkError, UnsupportedParameter
from domain.inference import (
    ConstraintKind,
    DefaultLength,
    OutputConstraint,
    PromptOptions,
    SamplingRequest,
    Tool,
    ToolMode,
    ToolUse,
    Urgency,
)
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.schemas.chat import parse_chat

USER = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"enum": ["\u00e9"]}}}
FUNCTION = {"name": "f", "description": "does", "parameters": SCHEMA, "strict": True}
TOOLS = [{"type": "function", "function": FUNCTION}, {"type": "function", "function": {"name": "g"}}]
OFFERED = (Tool("f", "does", SCHEMA, strict=True), Tool("g"))


def parse(**fields: Any) -> Answers:
    return parse_chat({"model": "m", "messages": [USER], **fields}, 33)


def refused(**fields: Any) -> MlxkError:
    with pytest.raises(MlxkError) as caught:
        parse(**fields)
    return caught.value


def test_tools_are_read_whole() -> None:
    assert parse(tools=TOOLS).request.tools == ToolUse(OFFERED)
    assert parse(tools=TOOLS, parallel_tool_calls=False).request.tools == ToolUse(OFFERED, parallel=False)


@pytest.mark.parametrize(
    ("choice", "mode", "named"),
    [
        ("none", ToolMode.NONE, None),
        ("auto", ToolMode.AUTO, None),
        ("required", ToolMode.REQUIRED, None),
        ({"type": "function", "function": {"name": "g"}}, ToolMode.REQUIRED, "g"),
    ],
)
def test_every_choice_of_tools(choice: object, mode: ToolMode, named: str | None) -> None:
    assert parse(tools=TOOLS, tool_choice=choice).request.tools == ToolUse(OFFERED, mode, named)


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        (
            json.dumps(SCHEMA),
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}},
        ),
        (json.dumps(SCHEMA), {"response_format": {"type": "json_object", "schema": SCHEMA}}),
        (json.dumps(SCHEMA), {"guided_json": SCHEMA}),
        ("{}", {"guided_json": "{}"}),
    ],
)
def test_a_schema_keeps_the_order_of_its_names(source: str, fields: dict[str, Any]) -> None:
    output = parse(**fields).request.output
    assert output is not None
    assert (output.kind, output.source, output.param) == (ConstraintKind.JSON_SCHEMA, source, next(iter(fields)))


@pytest.mark.parametrize(
    ("fields", "output"),
    [
        ({"response_format": {"type": "json_object"}}, OutputConstraint(ConstraintKind.JSON_OBJECT)),
        ({"response_format": {"type": "regex", "regex": "a+"}}, OutputConstraint(ConstraintKind.REGEX, "a+")),
        ({"response_format": {"type": "grammar", "grammar": "g"}}, OutputConstraint(ConstraintKind.GRAMMAR, "g")),
        ({"guided_regex": "a+"}, OutputConstraint(ConstraintKind.REGEX, "a+", "guided_regex")),
        ({"guided_grammar": "g"}, OutputConstraint(ConstraintKind.GRAMMAR, "g", "guided_grammar")),
        ({"response_format": {"type": "text"}}, None),
    ],
)
def test_every_form(fields: dict[str, Any], output: OutputConstraint | None) -> None:
    assert parse(**fields).request.output == output


def test_every_way_of_sampling() -> None:
    asked: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.25,
        "seed": -3,
        "top_k": 40,
        "min_p": 0.125,
        "repetition_penalty": 1.5,
        "repetition_context_size": 64,
        "presence_penalty": -1,
        "frequency_penalty": 2,
        "xtc_probability": 0.5,
        "xtc_threshold": 0.25,
    }
    expected = SamplingRequest(**asked, logit_bias={3: -100.0, 70000: 1.5})
    assert parse(**asked, logit_bias={"3": -100, "70000": 1.5}).request.sampling == expected


def test_logprobs() -> None:
    assert parse(logprobs=True).request.logprobs == 0
    assert parse(logprobs=True, top_logprobs=5).request.logprobs == 5
    assert parse(logprobs=False, top_logprobs=0).request.logprobs is None


def test_thinking_and_the_templates_variables() -> None:
    body = parse(reasoning_effort="low", chat_template_kwargs={"enable_thinking": False, "today": {"is": ["monday"]}})
    assert body.request.prompt == PromptOptions(
        variables={"today": {"is": ["monday"]}}, reasoning_effort="low", thinking=False
    )
    assert parse(chat_template_kwargs={"enable_thinking": None}).request.prompt == PromptOptions()


def test_our_own_additions() -> None:
    body = parse(
        mlxk={
            "report": True,
            "loaded": "token",
            "template": False,
            "chat_stops": True,
            "inspect": True,
            "ignore_stops": True,
            "default_length": "full_context",
            "priority": -2,
            "deadline_seconds": 1.5,
        }
    )
    request = body.request
    assert (body.report, body.loaded) == (True, "token")
    assert (request.prompt.template, request.chat_stops, request.inspect, request.ignore_stops) == (False, *[True] * 3)
    assert (request.limits.default, request.limits.server_default) == (DefaultLength.FULL_CONTEXT, None)
    assert request.urgency == Urgency(-2, 1.5)
    plain = parse(mlxk={})
    assert plain == parse()
    assert (plain.request.limits.default, plain.request.limits.server_default) == (DefaultLength.HALF_CONTEXT, 33)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools.0.type"),
        ({"tools": [{"function": FUNCTION}]}, "tools.0.type"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "tools.0.function.parameters",
        ),
        ({"tools": [{"type": "function", "function": {"name": "no name"}}]}, "tools"),
        ({"tools": [*TOOLS, *TOOLS]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": "any"}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "h"}}}, "tool_choice"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "function": {}}}, "tool_choice.function.name"),
        ({"tools": TOOLS, "tool_choice": {"type": "allowed_tools"}}, "tool_choice.type"),
        ({"tools": TOOLS, "tool_choice": 3}, "tool_choice"),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema", "json_schema": {}}}, "response_format.json_schema.schema"),
        ({"response_format": {"type": "regex"}}, "response_format.regex"),
        ({"guided_json": 3}, "guided_json"),
        ({"guided_regex": "a", "guided_grammar": "b"}, "guided_grammar"),
        ({"response_format": {"type": "json_object"}, "guided_regex": "b"}, "guided_regex"),
        ({"response_format": {"type": "json_object"}, "tools": TOOLS, "tool_choice": "required"}, "response_format"),
        ({"top_k": 1.5}, "top_k"),
        ({"min_p": 2}, "min_p"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"presence_penalty": True}, "presence_penalty"),
        ({"logit_bias": {"a": 1}}, "logit_bias.a"),
        ({"logit_bias": {"1": "1"}}, "logit_bias.1"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"logit_bias": {"1": 1, "01": 1}}, "logit_bias"),
        ({"logit_bias": []}, "logit_bias"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"reasoning_effort": "utmost"}, "reasoning_effort"),
        ({"chat_template_kwargs": []}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"a": ["\ud800"]}}, "chat_template_kwargs"),
        ({"chat_template_kwargs": {"enable_thinking": "no"}}, "chat_template_kwargs.enable_thinking"),
        ({"mlxk": {"reprot": True}}, "mlxk.reprot"),
        ({"mlxk": {"default_length": "long"}}, "mlxk.default_length"),
        ({"mlxk": {"deadline_seconds": 0}}, "deadline_seconds"),
        ({"mlxk": {"report": 1}}, "mlxk.report"),
    ],
)
def test_a_wrong_value_is_named(fields: dict[str, Any], param: str) -> None:
    fault = refused(**fields)
    assert type(fault) is InvalidRequest
    assert fault.param == param


def test_a_form_we_do_not_know_is_unsupported_by_name() -> None:
    fault = refused(response_format={"type": "structural_tag"})
    assert isinstance(fault, UnsupportedParameter)
    assert "structural_tag" in fault.message


NULLABLE = [
    "tools", "tool_choice", "parallel_tool_calls", "response_format", "guided_json", "guided_regex", "guided_grammar",
    "top_k", "min_p", "repetition_penalty", "repetition_context_size", "presence_penalty", "frequency_penalty",
    "logit_bias", "xtc_probability", "xtc_threshold", "logprobs", "top_logprobs", "reasoning_effort",
    "chat_template_kwargs", "mlxk",
]  # fmt: skip


def test_nulls_mean_unset() -> None:
    assert parse(**dict.fromkeys(NULLABLE)) == parse()
