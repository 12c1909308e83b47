"""What is handed out is what was kept: to the bit, for each kind of cache, in memory and from the disk."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import KVCache, RotatingKVCache

from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from domain.serving.prompt_divergence import Divergence, Loss
from tests.support.prefix_networks import CUTTABLE, EXACT, fresh, network, numbers, read, spoken, tells, told

ROOT = b"r" * 32
PLENTY = 1 << 30


@cache
def model_of(name: str) -> Any:
    return network(name)


def memory(ram_bytes: int = PLENTY, folder: Path | None = None, disk_bytes: int = PLENTY) -> PrefixCache:
    disk = None if folder is None else open_disk(folder, ROOT, {"model": "m"}, disk_bytes)
    return PrefixCache(ROOT, ram_bytes, lambda: [KVCache()], disk)


@pytest.fixture(params=["memory", "disk", "restart"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A cache, and what has to be done between keeping and taking."""
    folder = None if request.param == "memory" else tmp_path / "prompts"
    opened = [memory(0 if request.param == "disk" else PLENTY, folder)]

    def current() -> PrefixCache:
        if request.param == "restart" and len(opened) == 1:
            opened[0].close()
            opened.append(memory(PLENTY, folder))
        return opened[-1]

    yield opened[0], current
    opened[-1].close()


@pytest.mark.parametrize("length", [1, 256, 700])
@pytest.mark.parametrize("name", [*CUTTABLE, *EXACT])
def test_a_model_goes_on_from_what_is_handed_out_as_if_it_had_read_it_all(name: str, length: int, place: Any) -> None:
    keeping, taking = place
    model, tokens = model_of(name), numbers(length + 9)
    kept = fresh(name, model)
    read(model, kept, tokens[:length])
    reference = fresh(name, model)
    read(model, reference, tokens[:length])
    keeping.keep(tokens[:length], kept, boundary=True)

    prefix = taking().longest(tokens)

    assert prefix is not None
    assert prefix.length == length
    warm = read(model, prefix.caches, tokens[length:])
    cold = read(model, reference, tokens[length:])
    assert mx.array_equal(warm, cold)
    assert spoken(model, prefix.caches, warm, 12) == spoken(model, reference, cold, 12)


@pytest.mark.parametrize("name", CUTTABLE)
def test_a_restored_cache_has_the_room_that_a_fresh_one_would_have(name: str) -> None:
    prefixes, model, tokens = memory(), model_of(name), numbers(700)
    kept = fresh(name, model)
    read(model, kept, tokens)
    prefixes.keep(tokens, kept, boundary=False)
    prefix = prefixes.longest((*tokens, 1))
    assert prefix is not None
    shapes = [[array.shape for array in flat(cache)] for cache in prefix.caches]
    assert shapes == [[array.shape for array in flat(cache)] for cache in kept]
    assert [type(cache) for cache in prefix.caches] == [type(cache) for cache in kept]


def flat(cache: Any) -> list[Any]:
    return [cache.keys, cache.values] if isinstance(cache, KVCache) else [*cache.keys, *cache.values]


@pytest.mark.parametrize("common", [1, 255, 256, 257, 600])
def test_caches_that_can_be_cut_match_to_the_token(common: int, place: Any) -> None:
    keeping, taking = place
    tokens = numbers(700)
    keeping.keep(tokens, told(tokens), boundary=False)
    other = (*tokens[:common], *(99 for _ in range(50)))
    prefix = taking().longest(other)
    assert prefix is not None
    assert prefix.length == common
    assert tells(prefix.caches, other[:common])


@pytest.mark.parametrize("length", [2, 256, 512, 700])
def test_a_prompt_that_equals_a_kept_one_leaves_its_last_token_to_be_read(length: int, place: Any) -> None:
    keeping, taking = place
    tokens = numbers(length)
    keeping.keep(tokens, told(tokens), boundary=True)
    prefix = taking().longest(tokens)
    assert prefix is not None
    assert prefix.length == length - 1
    assert tells(prefix.caches, tokens[:-1])


@pytest.mark.parametrize("name", EXACT)
def test_caches_that_cannot_be_cut_are_reused_at_boundaries_alone(name: str, place: Any) -> None:
    keeping, taking = place
    model, tokens = model_of(name), numbers(640)
    caches = fresh(name, model)
    for start, end, boundary in ((0, 100, True), (100, 300, False), (300, 600, True)):
        read(model, caches, tokens[start:end])
        keeping.keep(tokens[:end], caches, boundary=boundary)
    lengths = []
    for end in (50, 100, 101, 299, 301, 600, 601, 640):
        found = taking().longest(tokens[:end])
        lengths.append(0 if found is None else found.length)
    assert lengths == [0, 0, 100, 100, 100, 100, 600, 600]


def test_the_last_common_snapshot_of_two_conversations_is_taken() -> None:
    prefixes, model, tokens = memory(), model_of("lfm2"), numbers(600)
    caches = fresh("lfm2", model)
    for start, end in ((0, 256), (256, 300), (300, 520)):
        read(model, caches, tokens[start:end])
        prefixes.keep(tokens[:end], caches, boundary=True)
    other = (*tokens[:400], *numbers(300, seed=1))
    prefix = prefixes.longest(other)
    assert prefix is not None
    assert prefix.length == 300
    again = fresh("lfm2", model)
    for start, end in ((0, 256), (256, 300)):
        read(model, again, tokens[start:end])
    assert mx.array_equal(read(model, prefix.caches, other[300:]), read(model, again, other[300:]))


@pytest.mark.parametrize("name", EXACT)
def test_a_snapshot_of_another_conversation_is_not_taken(name: str) -> None:
    prefixes, model = memory(), model_of(name)
    for tokens in (numbers(100), (*numbers(256), *numbers(44, seed=3))):
        caches = fresh(name, model)
        read(model, caches, tokens)
        prefixes.keep(tokens, caches, boundary=True)
    assert prefixes.longest(numbers(400, seed=1)) is None
    assert prefixes.longest((*numbers(99), 63, 63)) is None
    prefix = prefixes.longest((*numbers(256), *numbers(60, seed=4)))
    assert prefix is not None
    assert prefix.length == 100


def test_a_window_is_not_written_on_in_place() -> None:
    """Single tokens are written into the arrays that are there, once the window is full."""
    prefixes, tokens = memory(), numbers(80)
    row, other = mx.ones((1, 1, 1, 4)), mx.zeros((1, 1, 1, 4))
    kept = RotatingKVCache(40)
    for _ in tokens:
        kept.update_and_fetch(row, row)
    prefixes.keep(tokens, [kept], boundary=True)
    kept.update_and_fetch(other, other)
    for _ in range(3):
        prefix = prefixes.longest((*tokens, 1))
        assert prefix is not None
        (window,) = prefix.caches
        assert mx.array_equal(window.keys, mx.ones((1, 1, 40, 4)))
        window.update_and_fetch(other, other)


@pytest.mark.parametrize("name", [*CUTTABLE, *EXACT])
def test_neither_the_keeper_nor_a_taker_changes_what_is_remembered(name: str) -> None:
    prefixes, model, tokens = memory(), model_of(name), numbers(300)
    caches = fresh(name, model)
    read(model, caches, tokens[:256])
    prefixes.keep(tokens[:256], caches, boundary=True)
    reference = copy.deepcopy(caches)
    read(model, caches, numbers(70, seed=1))
    spoken(model, caches, mx.zeros(4), 50)
    for _ in range(2):
        prefix = prefixes.longest(tokens)
        assert prefix is not None
        warm = read(model, prefix.caches, tokens[256:])
        assert mx.array_equal(warm, read(model, copy.deepcopy(reference), tokens[256:]))
        spoken(model, prefix.caches, warm, 50)


def test_what_conversations_share_is_kept_once() -> None:
    prefixes, tokens = memory(), numbers(1024)
    prefixes.keep(tokens[:512], told(tokens[:512]), boundary=True)
    once = prefixes.held_bytes
    prefixes.keep(tokens, told(tokens), boundary=True)
    assert prefixes.held_bytes == 2 * once
    other = (*tokens[:768], *numbers(256, seed=1))
    prefixes.keep(other, told(other), boundary=True)
    assert prefixes.held_bytes == 2.5 * once
    prefixes.keep(tokens[:700], told(tokens[:700]), boundary=True)
    assert prefixes.held_bytes == 2.5 * once


def test_a_turn_that_grows_replaces_its_unfinished_end() -> None:
    prefixes, tokens = memory(), numbers(256)
    for length in range(10, 257, 41):
        prefixes.keep(tokens[:length], told(tokens[:length]), boundary=True)
        assert prefixes.held_bytes == length * 8
    prefixes.keep(tokens, told(tokens), boundary=True)
    assert prefixes.held_bytes == 256 * 8


def test_memory_stays_within_its_budget_and_forgets_what_was_used_longest_ago() -> None:
    block = 256 * 8
    prefixes = memory(ram_bytes=4 * block)
    one, two, three = (numbers(512, seed=seed) for seed in (1, 2, 3))
    prefixes.keep(one, told(one), boundary=True)
    prefixes.keep(two, told(two), boundary=True)
    assert prefixes.longest(one) is not None
    prefixes.keep(three, told(three), boundary=True)
    assert prefixes.held_bytes == 4 * block
    assert prefixes.longest(two) is None
    for tokens in (one, three):
        prefix = prefixes.longest(tokens)
        assert prefix is not None
        assert tells(prefix.caches, tokens[:511])


def test_of_a_sequence_beyond_the_budget_the_beginning_stays() -> None:
    prefixes, tokens = memory(ram_bytes=2 * 256 * 8), numbers(1024)
    prefixes.keep(tokens, told(tokens), boundary=True)
    prefix = prefixes.longest(tokens)
    assert prefix is not None
    assert prefix.length == 512
    assert tells(prefix.caches, tokens[:512])


def test_caches_that_do_not_hold_what_is_said_are_not_kept() -> None:
    prefixes, tokens = memory(), numbers(80)
    window = RotatingKVCache(40)
    window.update_and_fetch(mx.ones((1, 1, 50, 4)), mx.ones((1, 1, 50, 4)))
    prefixes.keep(tokens, [window], boundary=True)
    prefixes.keep(tokens, [KVCache()], boundary=True)
    prefixes.keep(tokens, [object()], boundary=True)
    prefixes.keep(tokens, [], boundary=True)
    assert prefixes.longest((*tokens, 1)) is None


def test_two_rows_in_one_cache_are_not_kept() -> None:
    prefixes, cache = memory(), KVCache()
    cache.update_and_fetch(mx.ones((2, 1, 8, 4)), mx.ones((2, 1, 8, 4)))
    prefixes.keep(numbers(8), [cache], boundary=True)
    assert prefixes.longest(numbers(9)) is None


def test_keeping_pins_nothing_of_the_caches_it_copies_from() -> None:
    prefixes, tokens = memory(), numbers(256)
    mx.clear_cache()
    before = mx.get_active_memory()
    cache = KVCache()
    cache.update_and_fetch(mx.ones((1, 1, 256, 4096)), mx.ones((1, 1, 256, 4096)))
    cache.keys, cache.values = (mx.concatenate([each] * 16, axis=2) for each in (cache.keys, cache.values))
    mx.eval(cache.state[:2])
    prefixes.keep(tokens, [cache], boundary=True)
    del cache
    assert mx.get_active_memory() - before < 1.5 * prefixes.held_bytes


def test_an_explanation_names_the_first_tokens_that_differ() -> None:
    prefixes, tokens = memory(), numbers(600)
    prefixes.keep(tokens, told(tokens), boundary=True)
    found = prefixes.explain((*tokens[:400], 99, 98, 97))
    assert found.kind is Divergence.TOKENS_DIFFER
    assert (found.matched_tokens, found.reusable_tokens, found.loss) == (400, 400, Loss.NONE)
    assert found.prompt_next == (99, 98, 97)
    assert found.remembered_next == tokens[400:408]


def test_an_explanation_tells_a_missing_snapshot_from_what_was_forgotten() -> None:
    prefixes, model, tokens = memory(), model_of("gemma3_text"), numbers(100)
    caches = fresh("gemma3_text", model)
    read(model, caches, tokens)
    prefixes.keep(tokens, caches, boundary=True)
    found = prefixes.explain(tokens[:50])
    assert (found.matched_tokens, found.reusable_tokens, found.loss) == (50, 0, Loss.NO_SNAPSHOT)

    small = memory(ram_bytes=256 * 8)
    long = numbers(600)
    small.keep(long, told(long), boundary=True)
    found = small.explain(long)
    assert (found.matched_tokens, found.reusable_tokens, found.loss) == (600, 256, Loss.FORGOTTEN)


def test_a_wipe_leaves_nothing_in_memory() -> None:
    prefixes, tokens = memory(), numbers(600)
    prefixes.keep(tokens, told(tokens), boundary=True)
    prefixes.wipe()
    assert prefixes.longest(tokens) is None
    assert prefixes.held_bytes == 0
    assert prefixes.explain(tokens).kind is Divergence.NOTHING_REMEMBERED
