"""A server with each model of the portfolio that sees."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.portfolio import Portfolio
from tests.support.benchmark_facts import BenchmarkFacts, streamed
from tests.support.live_pictures import write_places
from tests.support.live_server import LiveServer
from tests.support.portfolio import Kind, PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.live_e2e]
Serve = Callable[..., LiveServer]


def question(model: PortfolioModel, picture: Path) -> dict[str, object]:
    url = f"data:image/jpeg;base64,{b64encode(picture.read_bytes()).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What colour is it?"}]
    return {
        "model": model.name, "messages": [{"role": "user", "content": content}], "max_tokens": 60, "temperature": 0,
        "mlxk": {"image_table": False},
    }  # fmt: skip


def test_a_picture_is_answered_whole_and_streamed_alike(
    serve: Serve, vision_model_info: PortfolioModel, tmp_path: Path, benchmark_facts: BenchmarkFacts
) -> None:
    server, body = serve(vision_model_info), question(vision_model_info, write_places(tmp_path)[0])
    status, whole = server.post("/v1/chat/completions", **body)
    assert status == 200, whole
    answer = whole["choices"][0]["message"]["content"]
    assert "red" in answer.lower()
    events, times = streamed(server.events("/v1/chat/completions", **body))
    benchmark_facts.http_answer(whole["usage"], times)
    assert "".join(c["delta"].get("content") or "" for event in events for c in event["choices"]) == answer


def test_after_a_picture_words_alone_are_answered_by_it_and_by_a_model_that_only_writes(
    serve: Serve,
    vision_model_info: PortfolioModel,
    portfolio: Portfolio,
    settled: Callable[[PortfolioModel], PortfolioModel],
    tmp_path: Path,
) -> None:
    writer = settled(portfolio[Kind.TEXT][0])
    if writer.home != vision_model_info.home:
        pytest.skip("the two lie in different caches")
    server = serve(vision_model_info)
    picture = question(vision_model_info, write_places(tmp_path)[0])
    assert server.post("/v1/chat/completions", **picture)[0] == 200
    turns: list[object] = [{"role": "user", "content": "Who are you?"}]
    for model in (vision_model_info, writer):
        status, told = server.post(
            "/v1/chat/completions", model=model.name, messages=turns, max_tokens=24, temperature=0
        )
        assert (status, told["model"]) == (200, model.name)
        assert told["choices"][0]["message"]["content"].strip()


def test_a_conversation_with_a_picture_goes_on_with_a_model_that_only_writes(
    serve: Serve,
    vision_model_info: PortfolioModel,
    portfolio: Portfolio,
    settled: Callable[[PortfolioModel], PortfolioModel],
    tmp_path: Path,
) -> None:
    writer = settled(portfolio[Kind.TEXT][0])
    if writer.home != vision_model_info.home:
        pytest.skip("the two lie in different caches")
    server = serve(vision_model_info)
    body = question(vision_model_info, write_places(tmp_path)[0])
    assert isinstance(body["messages"], list)
    turns = [*body["messages"], {"role": "assistant", "content": "Red."}, {"role": "user", "content": "Who are you?"}]
    status, told = server.post("/v1/chat/completions", model=writer.name, messages=turns, max_tokens=24)
    assert (status, bool(told["choices"][0]["message"]["content"].strip())) == (200, True), told
