"""The official client asks for completions and for several answers, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.support.eventually import eventually
from tests.support.http_server import Server, started

NUMBERS = " ".join(str(number) for number in range(1, 21))


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(preload_model="demo", limits={"open_answers": 8}) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(autouse=True)
def gentle(server: Server) -> Iterator[None]:
    yield
    server.tell(hold_after=None, die_after=None)
    eventually(lambda: server.running() == 0, "all answers to end")


def complete(client: openai.OpenAI, prompt: Any, **fields: Any) -> Any:
    return client.completions.create(model="demo", prompt=prompt, **fields)


def joined(chunks: list[Any], index: int) -> str:
    return "".join(each.choices[0].text for each in chunks if each.choices and each.choices[0].index == index)


def test_a_whole_completion(client: openai.OpenAI) -> None:
    answer = complete(client, "count", max_tokens=3)
    assert (answer.object, answer.id[:5], answer.model) == ("text_completion", "cmpl-", "mlxk/demo")
    choice = answer.choices[0]
    assert (choice.text, choice.index, choice.finish_reason, choice.logprobs) == ("1 2 3", 0, "length", None)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 3)


def test_a_streamed_completion(client: openai.OpenAI) -> None:
    chunks = list(complete(client, "count", stream=True, stream_options={"include_usage": True}))
    assert joined(chunks, 0) == NUMBERS
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 21
    assert {each.object for each in chunks} == {"text_completion"}


def test_several_prompts_and_answers_are_numbered_prompt_by_prompt(client: openai.OpenAI) -> None:
    answer = complete(client, ["count", "hi"], n=2, max_tokens=2)
    assert [(each.index, each.text) for each in answer.choices] == list(
        enumerate(["1 2", "1 2", "hello there", "hello there"])
    )
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 8)
    chunks = list(complete(client, ["count", "hi"], n=2, max_tokens=2, stream=True))
    assert [joined(chunks, index) for index in range(4)] == [each.text for each in answer.choices]


def test_token_ids_are_a_prompt(server: Server, client: openai.OpenAI) -> None:
    complete(client, [[4, 5], [6]], max_tokens=1)
    bare = sorted(each["bare"] for each in server.tell(ask="state")["asked"][-2:])
    assert bare == [[None, [4, 5], False, True], [None, [6], False, True]]


def test_echo_with_logprobs_whole_and_streamed(client: openai.OpenAI) -> None:
    asked = {"max_tokens": 2, "echo": True, "logprobs": 1}
    choice = complete(client, "count on me", **asked).choices[0]
    assert choice.text.startswith("count on me")
    table = choice.logprobs
    assert table.tokens[:3] == ["count", " on", " me"]
    assert "".join(table.tokens) == choice.text
    assert table.text_offset[:4] == [0, 5, 8, 11]
    assert table.token_logprobs == [None, -0.5, -0.5, -0.25, -0.25]
    assert table.top_logprobs[0] is None
    assert table.top_logprobs[1] == {" on": -0.5}
    parts = [each.choices[0] for each in complete(client, "count on me", stream=True, **asked)]
    assert "".join(each.text for each in parts) == choice.text
    for column in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
        pieces = [one for each in parts if each.logprobs for one in getattr(each.logprobs, column)]
        assert pieces == getattr(table, column)


def test_a_prompt_is_scored_without_an_answer(client: openai.OpenAI) -> None:
    choice = complete(client, "count on me", max_tokens=0, echo=True, logprobs=0).choices[0]
    assert (choice.text, choice.finish_reason) == ("count on me", "length")
    assert choice.logprobs.token_logprobs == [None, -0.5, -0.5]
    alone = complete(client, "count on me", max_tokens=0, echo=True)
    assert (alone.choices[0].text, alone.choices[0].logprobs, alone.usage.completion_tokens) == ("count on me", None, 0)


def test_several_answers_to_a_conversation(server: Server, client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "count"}]
    answer = client.chat.completions.create(model="demo", messages=messages, n=3, max_tokens=2, seed=7)
    assert [(each.index, each.message.content) for each in answer.choices] == [(0, "1 2"), (1, "1 2"), (2, "1 2")]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 6)
    seeds = {each["sampling"]["seed"] for each in server.tell(ask="state")["asked"][-3:]}
    assert len(seeds) == 3
    assert 7 in seeds
    texts = ["", "", ""]
    for chunk in client.chat.completions.create(model="demo", messages=messages, n=3, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [NUMBERS] * 3


def test_one_choice_that_fails_fails_the_request_and_calls_the_others_off(
    server: Server, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        complete(client, ["count", "fail"])
    assert caught.value.code == "generation_failed"
    server.tell(hold_after=3)
    with pytest.raises(openai.APIError):
        list(complete(client, ["count", "fail"], stream=True))
    eventually(lambda: server.running() == 0, "the other choice to be called off")


def test_a_worker_that_dies_under_streams_is_told_once(server: Server, client: openai.OpenAI) -> None:
    server.tell(die_after=2)
    with pytest.raises(openai.APIError, match="killed by SIGKILL") as caught:
        list(complete(client, "count", n=2, stream=True))
    assert caught.value.type == "engine_died"


def test_every_choice_takes_a_place(server: Server, client: openai.OpenAI) -> None:
    server.tell(hold_after=1)
    stream = complete(client, "count", n=6, stream=True)
    next(stream)
    with pytest.raises(openai.InternalServerError) as caught:
        complete(client, "count", n=3)
    assert caught.value.status_code == 503
    with pytest.raises(openai.BadRequestError) as refused:
        complete(client, "count", n=9)
    assert refused.value.param == "n"
    stream.close()
    eventually(lambda: server.running() == 0, "all choices to be called off")


@pytest.mark.parametrize(
    ("error", "param", "fields"),
    [
        (openai.BadRequestError, "prompt", {"prompt": []}),
        (openai.BadRequestError, "suffix", {"suffix": "x"}),
        (openai.BadRequestError, "best_of", {"best_of": 3}),
        (openai.BadRequestError, "n", {"n": 17}),
        (openai.BadRequestError, "logprobs", {"logprobs": 21}),
        (openai.BadRequestError, "max_tokens", {"max_tokens": 600}),
        (openai.BadRequestError, "prompt", {"prompt": "a " * 600}),
        (openai.NotFoundError, "model", {"model": "none/such"}),
    ],
)
def test_errors_are_the_clients_own_classes_and_name_the_field(
    client: openai.OpenAI, error: type[openai.APIStatusError], param: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(error) as caught:
        client.completions.create(**{"model": "demo", "prompt": "hi", **fields})
    assert caught.value.param == param
    assert caught.value.request_id == caught.value.response.json()["request_id"]
