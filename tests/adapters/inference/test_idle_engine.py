"""The engines' idle moments, with a real cache, sound and broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.row import SoloModel
from adapters.inference.text_engine import MlxTextEngine
from domain.serving.prompt_divergence import Divergence, Loss
from ports.text_engine import TextEngine
from tests.support.engine_kit import row, run, tokens
from tests.support.prefix_networks import fresh, network, numbers, read

PROMPT = numbers(200)
KINDS = ("batched", "alone")

Make = Callable[[str, PrefixCache], TextEngine]


@pytest.fixture(scope="module")
def llama() -> Any:
    return network("llama")


@pytest.fixture
def prefixes(llama: Any) -> PrefixCache:
    return PrefixCache(b"r" * 32, 1 << 30, lambda: fresh("llama", llama))


@pytest.fixture
def make(llama: Any) -> Make:
    def made(kind: str, prefixes: PrefixCache) -> TextEngine:
        if kind == "batched":
            return MlxTextEngine(llama, frozenset(), prefixes=prefixes)
        return SoloEngine(SoloModel(llama, frozenset(), CacheMaker(llama), "a test", prefixes=prefixes))

    return made


def cached(engine: TextEngine, prompt: tuple[int, ...]) -> int:
    [*_, last] = run(engine, row(1, prompt, 4))[1]
    assert last.stats is not None
    return last.stats.cached_tokens


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_remembered_soundly_passes_once_and_stays(make: Make, prefixes: PrefixCache, kind: str) -> None:
    engine = make(kind, prefixes)
    assert engine.idle() is None, "nothing is remembered"
    cold = tokens(run(engine, row(1, PROMPT, 4))[1])
    check = engine.idle()
    assert check is not None
    assert not check.differs
    assert engine.idle() is None, "nothing new is"
    assert tokens(run(engine, row(1, PROMPT, 4))[1]) == cold
    assert cached(engine, PROMPT) == engine.explain(PROMPT).reusable_tokens == len(PROMPT) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_remembered_wrongly_is_found_out_between_requests_and_used_no_more(
    make: Make, llama: Any, prefixes: PrefixCache, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caches = fresh("llama", llama)
    read(llama, caches, (*PROMPT[:50], *numbers(100, seed=1), *PROMPT[150:]))
    prefixes.keep(PROMPT, caches, boundary=True)
    engine = make(kind, prefixes)
    follow_up = (*PROMPT, 1, 2)
    assert engine.explain(follow_up).reusable_tokens == len(PROMPT)
    engine.admit(row(7, follow_up, 1))
    assert engine.idle() is None, "somebody waits"
    engine.cancel(7)
    check = engine.idle()
    assert check is not None
    assert check.differs
    assert "not reused any more" in caplog.text
    found = engine.explain(follow_up)
    assert (found.kind, found.loss, found.reusable_tokens) == (Divergence.PROMPT_GOES_ON, Loss.QUARANTINED, 0)
    assert cached(engine, follow_up) == 0
    assert tokens(run(engine, row(1, follow_up, 6))[1]) == tokens(
        run(make(kind, another(llama)), row(1, follow_up, 6))[1]
    )


def another(llama: Any) -> PrefixCache:
    return PrefixCache(b"s" * 32, 1 << 30, lambda: fresh("llama", llama))
