"""The contract of Prefixes: the one that remembers nothing, and the cache with each of its tiers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache

from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from adapters.inference.prefixes import NoPrefixes, Prefixes
from tests.support.prefix_networks import numbers, tells, told

ROOT = b"r" * 32
PLENTY = 1 << 30
TOKENS = numbers(600)


def cached(ram_bytes: int, folder: Path | None) -> PrefixCache:
    disk = None if folder is None else open_disk(folder, ROOT, {"model": "m"}, PLENTY)
    return PrefixCache(ROOT, ram_bytes, lambda: [KVCache()], disk)


MAKERS: dict[str, Callable[[Path], Prefixes]] = {
    "nothing": lambda _: NoPrefixes(),
    "memory": lambda _: cached(PLENTY, None),
    "disk": lambda folder: cached(0, folder),
    "both": lambda folder: cached(PLENTY, folder),
    "hardly anything": lambda _: cached(1, None),
}


@pytest.fixture(params=MAKERS)
def prefixes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Prefixes]:
    made = MAKERS[request.param](tmp_path)
    yield made
    made.close()


def test_what_is_held_is_counted_where_anything_ever_is(prefixes: Prefixes) -> None:
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    held = prefixes.held
    assert (held is None) == isinstance(prefixes, NoPrefixes)
    assert held is None or held.ram >= 0


@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 512, 600])
def test_the_last_token_is_always_left_to_be_read(prefixes: Prefixes, length: int) -> None:
    prefixes.keep(TOKENS[:length], told(TOKENS[:length]), boundary=True)
    prefix = prefixes.longest(TOKENS[:length])
    assert prefix is None or 0 < prefix.length < length


def test_what_is_handed_out_is_the_beginning_of_the_prompt(prefixes: Prefixes) -> None:
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    for prompt in (TOKENS, TOKENS[:300], (*TOKENS[:300], 99, 98), (*TOKENS, 1)):
        prefix = prefixes.longest(prompt)
        assert prefix is None or tells(prefix.caches, prompt[: prefix.length])


def test_a_list_of_tokens_does_as_well(prefixes: Prefixes) -> None:
    prefixes.keep(list(TOKENS), told(TOKENS), boundary=True)
    one, other = prefixes.longest(list(TOKENS)), prefixes.longest(TOKENS)
    assert (one is None) == (other is None)


def test_what_is_handed_out_is_the_takers_own(prefixes: Prefixes) -> None:
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    first = prefixes.longest(TOKENS)
    if first is not None:
        first.caches[0].update_and_fetch(mx.zeros((1, 1, 9, 1)), mx.zeros((1, 1, 9, 1)))
        first.caches[0].keys[..., :] = 0
    second = prefixes.longest(TOKENS)
    assert second is None or tells(second.caches, TOKENS[: second.length])


def test_the_keeper_may_write_on(prefixes: Prefixes) -> None:
    caches = told(TOKENS)
    prefixes.keep(TOKENS, caches, boundary=True)
    caches[0].update_and_fetch(mx.zeros((1, 1, 300, 1)), mx.zeros((1, 1, 300, 1)))
    caches[0].keys[..., :] = 0
    prefix = prefixes.longest(TOKENS)
    assert prefix is None or tells(prefix.caches, TOKENS[: prefix.length])


@pytest.mark.parametrize("tokens", [(), (1,), (2**70,), (-1, 5)], ids=str)
def test_odd_tokens_raise_nothing(prefixes: Prefixes, tokens: tuple[int, ...]) -> None:
    prefixes.keep(tokens, told(TOKENS[: len(tokens)]) if tokens else [KVCache()], boundary=True)
    assert prefixes.longest(()) is None
    assert prefixes.longest((1,)) is None
    prefix = prefixes.longest(tokens)
    assert prefix is None or prefix.length < len(tokens)


@pytest.mark.parametrize(
    "caches", [[], [None], [object()], [KVCache()]], ids=("none", "nothing", "an object", "an empty one")
)
def test_odd_caches_raise_nothing(prefixes: Prefixes, caches: list[Any]) -> None:
    prefixes.keep(TOKENS, caches, boundary=True)
    assert prefixes.longest(TOKENS) is None


def test_an_explanation_tells_what_would_be_reused_and_changes_nothing(prefixes: Prefixes) -> None:
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    for prompt in (TOKENS, TOKENS[:300], (*TOKENS[:300], 99, 98), (*TOKENS, 1), (), (1,)):
        found = prefixes.explain(prompt)
        again = prefixes.explain(list(prompt))
        prefix = prefixes.longest(prompt)
        assert found == again
        assert found.prompt_tokens == len(prompt)
        assert found.reusable_tokens == (0 if prefix is None else prefix.length) <= found.matched_tokens


def test_a_network_that_breaks_in_an_idle_moment_breaks_nothing(prefixes: Prefixes) -> None:
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    assert prefixes.idle_check(None) is None
    prefix = prefixes.longest(TOKENS)
    assert prefix is None or tells(prefix.caches, TOKENS[: prefix.length])


def test_closing_twice_is_no_error_nor_is_use_after_it(prefixes: Prefixes) -> None:
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    prefixes.close()
    prefixes.close()
    prefixes.keep(TOKENS, told(TOKENS), boundary=True)
    prefix = prefixes.longest(TOKENS)
    assert prefix is None or tells(prefix.caches, TOKENS[: prefix.length])
