"""The official client gets thoughts, calls, scores, forms and warnings from the real server, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.http_server import Server, started

TOOLS: Any = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("weather", "time")
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(preload_model="demo") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, question: str, **fields: Any) -> Any:
    messages = [*fields.pop("before", []), {"role": "user", "content": question}]
    return client.chat.completions.create(model="demo", messages=messages, **fields)


def streamed(client: openai.OpenAI, question: str, **fields: Any) -> list[Any]:
    return list(ask(client, question, stream=True, stream_options={"include_usage": True}, **fields))


def test_thoughts_whole(client: openai.OpenAI) -> None:
    answer = ask(client, "think", reasoning_effort="high")
    said = answer.choices[0].message
    assert (said.content, said.reasoning_content) == ("four", "two and two")
    assert answer.usage.completion_tokens_details.reasoning_tokens == 6
    assert answer.usage.prompt_tokens_details.cached_tokens == 4


def test_thoughts_streamed(client: openai.OpenAI) -> None:
    chunks = streamed(client, "think")
    thoughts = [getattr(each.choices[0].delta, "reasoning_content", None) for each in chunks if each.choices]
    assert [each for each in thoughts if each] == ["two and ", "two"]
    assert chunks[-1].usage.completion_tokens_details.reasoning_tokens == 6


def test_calls_whole_and_the_turn_after_them(client: openai.OpenAI) -> None:
    answer = ask(client, "call", tools=TOOLS, tool_choice="required", parallel_tool_calls=True)
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls] == [
        ("call_a", "weather", '{"city": "Bonn"}'),
        ("call_b", "time", "{}"),
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": "42"} for call in choice.message.tool_calls]
    before = [{"role": "user", "content": "call"}, choice.message.model_dump(), *results]
    assert ask(client, "hi", before=before, tools=TOOLS).choices[0].message.content == "hello there"


def test_calls_streamed_are_put_together_by_the_client(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="demo",
        messages=[{"role": "user", "content": "say and call"}],
        tools=TOOLS,
    ) as stream:
        final = stream.get_final_completion()
    said = final.choices[0].message
    assert said.content == "Let me see."
    assert said.tool_calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in said.tool_calls] == [
        ("call_a", "weather", "{}")
    ]
    assert final.choices[0].finish_reason == "tool_calls"


def test_scores_whole_and_streamed(client: openai.OpenAI) -> None:
    answer = ask(client, "score", logprobs=True, top_logprobs=1)
    entries = answer.choices[0].logprobs.content
    assert bytes(byte for each in entries for byte in each.bytes).decode() == answer.choices[0].message.content
    assert entries[0].top_logprobs[0].token == "a"
    chunks = streamed(client, "score", logprobs=True, top_logprobs=1)
    told = [each.choices[0].logprobs for each in chunks if each.choices]
    assert [entry for each in told if each for entry in each.content] == entries


def test_warnings_whole_and_streamed(client: openai.OpenAI) -> None:
    whole = ask(client, "warn")
    last = streamed(client, "warn")[-2]
    assert whole.warnings == last.warnings == ["a call could not be read", "and one more"]
    assert whole.mlxk == last.mlxk == {"alone": "quantised KV caches cannot be merged"}


def test_every_parameter_is_taken_through_the_client(client: openai.OpenAI) -> None:
    answer = ask(
        client,
        "hi",
        before=[{"role": "developer", "content": "be brief", "name": "boss"}],
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        logit_bias={"5": -3},
        seed=3,
        top_p=0.5,
        reasoning_effort="none",
        response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        extra_body={
            "top_k": 5,
            "min_p": 0.1,
            "chat_template_kwargs": {"enable_thinking": False},
            "mlxk": {"report": True},
        },
    )
    assert answer.choices[0].message.content == "hello there"


def test_nothing_that_is_read_is_called_ignored(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="demo",
        messages=[{"role": "user", "content": "hi"}],
        tools=TOOLS,
        tool_choice="none",
        extra_body={"xtc_probability": 0.1, "guided_regex": "a+", "user": "u", "new": 1},
    )
    assert raw.headers["X-Mlxk-Ignored-Fields"] == "new"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools.0.type"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"extra_body": {"mlxk": {"loaded": "nothing"}}}, "mlxk.loaded"),
    ],
)
def test_what_is_wrong_is_named_to_the_client(client: openai.OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, "hi", **fields)
    assert caught.value.param == param


@pytest.mark.parametrize(("question", "tools"), [("ponder", None), ("fetch", TOOLS), ("count", None)])
def test_what_a_model_writes_reaches_the_client_the_same_whole_and_streamed(
    client: openai.OpenAI, question: str, tools: Any
) -> None:
    """From marks in the text to fields of the answer, through everything between."""
    asked = {"logprobs": True, "top_logprobs": 2} | ({"tools": tools} if tools else {})
    whole = ask(client, question, **asked)
    said = whole.choices[0].message
    chunks = streamed(client, question, **asked)
    deltas = [each.choices[0].delta for each in chunks if each.choices]
    pieces = [piece for delta in deltas for piece in delta.tool_calls or []]
    told = [each.choices[0].logprobs for each in chunks if each.choices]
    assert "".join(delta.content or "" for delta in deltas) == (said.content or "")
    thoughts = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert thoughts == (getattr(said, "reasoning_content", None) or "")
    assert [entry for each in told if each for entry in each.content] == whole.choices[0].logprobs.content
    assert chunks[-1].usage == whole.usage
    assert [each.choices[0].finish_reason for each in chunks if each.choices][-1] == whole.choices[0].finish_reason
    if tools:
        (call,) = said.tool_calls
        assert call.function.arguments == "".join(piece.function.arguments for piece in pieces)
        assert json.loads(call.function.arguments) == {"city": "Bonn am Rhein"}
        assert (call.function.name, pieces[0].function.name) == ("weather", "weather")
    assert (thoughts != "") == (question != "count")


def test_a_prompt_is_explained_to_any_client(client: openai.OpenAI) -> None:
    ask(client, "hi", before=[{"role": "system", "content": "be very kind"}])
    body = {
        "model": "demo",
        "messages": [{"role": "system", "content": "be very strict"}, {"role": "user", "content": "hi"}],
    }
    told = client.post("/cache/explain", body=body, cast_to=dict[str, Any])
    assert (told["kind"], told["matched_tokens"], told["reusable_tokens"]) == ("tokens_differ", 3, 3)
    assert [told["diverges_at"][side]["text"] for side in ("prompt", "remembered")] == [" strict", " kind"]
    with pytest.raises(openai.ConflictError):
        client.post("/cache/explain", body={**body, "model": "my-work"}, cast_to=dict[str, Any])
