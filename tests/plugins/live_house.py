"""Where live tests start mlxk, and a server for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.benchmark_facts import BenchmarkFacts, load_seconds
from tests.support.live_cli import LiveHouse
from tests.support.live_server import LiveServer, live_server
from tests.support.portfolio.kinds import PortfolioModel

MakeHouse = Callable[[PortfolioModel | Path], LiveHouse]


@pytest.fixture
def house_of(tmp_path: Path) -> MakeHouse:
    """A home of the test's own, with the cache that a model of a portfolio lies in, or with any HF_HOME."""

    def make(source: PortfolioModel | Path) -> LiveHouse:
        hf_home = source.home if isinstance(source, PortfolioModel) else source
        assert hf_home is not None, "a miniature has no home yet: take it from its _model_info fixture"
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return LiveHouse(home, hf_home)

    return make


@pytest.fixture
def serve(house_of: MakeHouse, benchmark_facts: BenchmarkFacts) -> Iterator[Callable[..., LiveServer]]:
    """serve(model, *options): a server that has loaded the model; it ends with the test. One a test. The report is
    told how long loading and ending took.
    """
    begun: list[LiveServer] = []
    with ExitStack() as stack:

        def start(model: PortfolioModel, *words: str, **environ: str) -> LiveServer:
            assert not begun, "one server for one test"
            server = stack.enter_context(live_server(house_of(model), "--model", model.name, *words, **environ))
            begun.append(server)
            benchmark_facts.load_time(load_seconds(server.text("/metrics"), model.name))
            return server

        yield start
    for server in begun:
        if server.ended is not None:
            benchmark_facts.cleanup_time(server.ended.seconds)
