"""The official client against the real server."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.support.eventually import eventually
from tests.support.fakes.http_services import DEMO
from tests.support.http_server import Server, started
from tests.support.raw_http import RawClient, head


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(preload_model="demo", limits={"open_answers": 4, "chat_body_bytes": 20_000}) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture(autouse=True)
def gentle(server: Server) -> Iterator[None]:
    """The fake workers answer at once again after each test."""
    yield
    server.tell(hold_after=None, die_after=None)


def streamed(client: openai.OpenAI, question: str, **fields: object) -> Iterator[ChatCompletionChunk]:
    messages = [{"role": "user", "content": question}]
    made = client.chat.completions.create(model="demo", messages=messages, stream=True, **fields)  # type: ignore[call-overload]
    yield from made


def test_the_announcement_names_the_real_port_and_the_model(server: Server) -> None:
    assert server.told["model"] == DEMO
    assert server.url == f"http://127.0.0.1:{server.port}"


def test_models(client: openai.OpenAI) -> None:
    assert next(iter(client.models.list())).id == DEMO
    assert client.models.retrieve(DEMO).owned_by == "mlxk-builtin"


def test_a_whole_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "count"}], max_completion_tokens=3, stop=["nothing"]
    )
    assert answer.choices[0].message.content == "1 2 3"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 3


def test_a_streamed_answer(client: openai.OpenAI) -> None:
    chunks = list(streamed(client, "count", stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == " ".join(
        str(number) for number in range(1, 21)
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 21


def test_tokens_arrive_while_the_answer_is_still_being_made(server: Server, client: openai.OpenAI) -> None:
    server.tell(hold_after=2)
    chunks = streamed(client, "count")
    texts = [next(chunks).choices[0].delta.content for _ in range(3)]
    assert texts == ["", "1", " 2"]
    assert server.running() == 1
    server.tell(hold_after=None)
    assert len(list(chunks)) == 19


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (openai.BadRequestError, {"messages": []}),
        (openai.BadRequestError, {"tools": [{"type": "function"}]}),
        (openai.NotFoundError, {"model": "none/such"}),
        (openai.APIStatusError, {"messages": [{"role": "user", "content": "x" * 30_000}]}),
        (openai.InternalServerError, {"messages": [{"role": "user", "content": "fail"}]}),
    ],
)
def test_errors_are_the_clients_own_classes(
    client: openai.OpenAI, error: type[openai.APIStatusError], fields: dict[str, object]
) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": "hi"}], **fields}
    with pytest.raises(error) as caught:
        client.chat.completions.create(**body)  # type: ignore[call-overload]
    assert caught.value.code
    assert caught.value.response.json()["status"] == "error"
    assert caught.value.request_id == caught.value.response.json()["request_id"]


def test_the_client_reads_code_and_param(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "hi"}], store=True)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "store")


def test_a_body_too_large_is_read_as_413(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="demo", messages=[{"role": "user", "content": "x" * 3_000_000}])
    assert caught.value.status_code == 413


def test_a_worker_that_dies_under_a_stream_is_an_api_error(server: Server, client: openai.OpenAI) -> None:
    server.tell(die_after=2)
    with pytest.raises(openai.APIError, match="killed by SIGKILL") as caught:
        list(streamed(client, "count"))
    assert caught.value.type == "engine_died"
    assert list(streamed(client, "hi"))[-1].choices[0].finish_reason == "stop"


def test_beyond_all_places_the_server_is_busy_and_health_answers(server: Server, client: openai.OpenAI) -> None:
    server.tell(hold_after=1)
    open_streams = [streamed(client, "count") for _ in range(4)]
    for stream in open_streams:
        next(stream)
    with pytest.raises(openai.InternalServerError) as caught:
        next(streamed(client, "hi"))
    assert caught.value.status_code == 503
    assert caught.value.response.headers["Retry-After"] == "1"
    with RawClient(server.port) as other:
        other.send(head("GET", "/health"))
        assert other.answer().status == 200
    server.tell(hold_after=None)
    for stream in open_streams:
        list(stream)
    eventually(lambda: server.running() == 0, "all streams to end")
    assert next(streamed(client, "hi"))


def test_the_serving_process_imports_no_model_library(server: Server, client: openai.OpenAI) -> None:
    next(streamed(client, "hi"))
    assert server.tell(ask="state")["heavy"] == []
