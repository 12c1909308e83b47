"""One miniature model, read once, and engines that are closed when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mlx_lm
import pytest

from adapters.inference.text_engine import MlxTextEngine
from tests.support.engine_kit import Network
from tests.support.tiny_llama import TinyLlama


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return mlx_lm.load(str(TinyLlama(context_length=8192).build(tmp_path_factory.mktemp("engine") / "tiny")))[0]


@pytest.fixture
def network(llama: Any) -> Network:
    return Network(llama)


@pytest.fixture
def make_engine(network: Network) -> Iterator[Callable[..., MlxTextEngine]]:
    """settings: as MlxTextEngine takes them; stop_tokens: none unless given; model: the miniature; learned: what it can
    do in a batch has been tried out already.
    """
    made: list[MlxTextEngine] = []

    def make(**settings: Any) -> MlxTextEngine:
        model, learned = settings.pop("model", network), settings.pop("learned", True)
        made.append(MlxTextEngine(model, settings.pop("stop_tokens", frozenset()), **settings))
        if learned:
            made[-1].learn()
        network.shapes.clear()
        return made[-1]

    yield make
    for engine in made:
        engine.close()
