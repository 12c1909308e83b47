"""A server with each model of the portfolio: it is well, it tells its models, it answers, it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.plugins.live_house import MakeHouse
from tests.support.benchmark_facts import BenchmarkFacts, streamed
from tests.support.live_server import LiveServer, live_server
from tests.support.portfolio import PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.live_e2e]
Serve = Callable[..., LiveServer]


def question(model: PortfolioModel, **more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "Who are you?"}]
    return {"model": model.name, "messages": messages, "max_tokens": 24, "temperature": 0, **more}


def test_the_server_is_well_and_tells_the_model(serve: Serve, text_model_info: PortfolioModel) -> None:
    server = serve(text_model_info)
    assert server.get("/health")[0] == 200
    status, models = server.get("/v1/models")
    assert (status, text_model_info.name in [each["id"] for each in models["data"]]) == (200, True)


def test_a_chat_is_the_same_whole_and_streamed(
    serve: Serve, text_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts
) -> None:
    server = serve(text_model_info)
    status, whole = server.post("/v1/chat/completions", **question(text_model_info))
    assert status == 200, whole
    asked = question(text_model_info, stream_options={"include_usage": True})
    events, times = streamed(server.events("/v1/chat/completions", **asked))
    benchmark_facts.http_answer(events[-1]["usage"], times)
    deltas = [choice["delta"] for event in events for choice in event["choices"]]
    message = whole["choices"][0]["message"]
    for field in ("content", "reasoning_content"):
        assert "".join(delta.get(field) or "" for delta in deltas) == (message.get(field) or "")
    assert whole["usage"]["completion_tokens"] > 0


def test_a_completion_is_the_same_whole_and_streamed(
    serve: Serve, text_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts
) -> None:
    server = serve(text_model_info)
    body = {"model": text_model_info.name, "prompt": "Once upon a time", "max_tokens": 12, "temperature": 0}
    status, whole = server.post("/v1/completions", **body)
    assert status == 200, whole
    events, times = streamed(server.events("/v1/completions", **body))
    benchmark_facts.http_answer(whole["usage"], times)
    assert "".join(choice["text"] for event in events for choice in event["choices"]) == whole["choices"][0]["text"]
    reasons = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    assert reasons == [whole["choices"][0]["finish_reason"]]


def test_an_embedding_model_gives_a_vector_of_length_one(
    serve: Serve, embedding_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts
) -> None:
    server = serve(embedding_model_info)
    status, answer = server.post("/v1/embeddings", model=embedding_model_info.name, input="a sentence")
    assert status == 200, answer
    benchmark_facts.usage(answer["usage"])
    assert sum(each**2 for each in answer["data"][0]["embedding"]) == pytest.approx(1, abs=1e-3)


def test_when_the_server_ends_all_its_processes_end(
    house_of: MakeHouse, text_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts
) -> None:
    with live_server(house_of(text_model_info), "--model", text_model_info.name) as server:
        ours = server.processes()
        assert len(ours) >= 3, "the parent, the front and a worker"
    assert server.ended is not None
    benchmark_facts.cleanup_time(server.ended.seconds)
    assert (server.ended.exit_code, server.ended.held_bytes > 0, server.ended.left_bytes) == (0, True, 0)
