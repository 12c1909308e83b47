"""A kind of cache that answers otherwise warm than cold is not used any more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mlx_lm.models.cache import RotatingKVCache

from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from domain.serving.prompt_divergence import Loss
from tests.support.prefix_networks import CUTTABLE, EXACT, fresh, network, numbers, read

ROOT = b"r" * 32
PLENTY = 1 << 30
TOKENS = numbers(200)


def opened(name: str, model: Any, folder: Path | None = None) -> PrefixCache:
    disk = None if folder is None else open_disk(folder, ROOT, {"model": "m"}, PLENTY)
    return PrefixCache(ROOT, PLENTY, lambda: fresh(name, model), disk)


def keep(prefixes: PrefixCache, name: str, model: Any, tokens: Sequence[int], *, read_as: Sequence[int]) -> None:
    caches = fresh(name, model)
    read(model, caches, read_as)
    prefixes.keep(tokens, caches, boundary=True)


@pytest.mark.parametrize("name", [*CUTTABLE, *EXACT])
def test_sound_caches_pass(name: str) -> None:
    model = network(name)
    prefixes = opened(name, model)
    keep(prefixes, name, model, TOKENS, read_as=TOKENS)
    check = prefixes.idle_check(model)
    assert check is not None
    assert not check.differs
    assert check.difference <= 0.02
    assert prefixes.longest((*TOKENS, 1)) is not None
    assert prefixes.idle_check(model) is None, "nothing is left to compare"


def test_wrong_values_are_found_out_and_their_kind_is_not_used_any_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = network("llama")
    prefixes = opened("llama", model, tmp_path)
    wrong = (*TOKENS[:50], *numbers(100, seed=1), *TOKENS[150:])
    keep(prefixes, "llama", model, TOKENS, read_as=wrong)
    check = prefixes.idle_check(model)
    assert check is not None
    assert check.differs
    assert check.difference > 0.02
    assert "KVCache" in caplog.text
    assert prefixes.longest((*TOKENS, 1)) is None
    keep(prefixes, "llama", model, TOKENS, read_as=TOKENS)
    assert prefixes.longest((*TOKENS, 1)) is None
    assert prefixes.explain((*TOKENS, 1)).loss is Loss.QUARANTINED
    prefixes.close()
    again = opened("llama", model, tmp_path)
    keep(again, "llama", model, TOKENS, read_as=TOKENS)
    assert again.longest((*TOKENS, 1)) is None, "the quarantine outlives the process"
    again.close()


def test_a_class_that_loses_its_place_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("gemma3_text")
    prefixes = opened("gemma3_text", model)
    keep(prefixes, "gemma3_text", model, TOKENS, read_as=TOKENS)
    whole = RotatingKVCache.from_state

    def forgetful(state: list[Any]) -> Any:
        cache = whole(state)
        cache.offset -= 7
        return cache

    monkeypatch.setattr(RotatingKVCache, "from_state", forgetful)
    check = prefixes.idle_check(model)
    assert check is not None
    assert check.differs
    assert prefixes.longest((*TOKENS, 1)) is None


def test_answers_that_are_no_numbers_count_as_different() -> None:
    model = network("llama")
    prefixes = opened("llama", model)
    keep(prefixes, "llama", model, TOKENS, read_as=TOKENS)
    (first, *_) = model.layers
    first.self_attn.o_proj.weight = first.self_attn.o_proj.weight * float("nan")
    check = prefixes.idle_check(model)
    assert check is not None
    assert check.differs


def test_a_model_that_fails_in_the_comparison_leaves_the_cache_as_it_is() -> None:
    model = network("llama")
    prefixes = opened("llama", model)
    keep(prefixes, "llama", model, TOKENS, read_as=TOKENS)

    def failing(*arguments: object, **named: object) -> Any:
        raise RuntimeError("out of memory")

    assert prefixes.idle_check(failing) is None
    assert prefixes.longest((*TOKENS, 1)) is not None
