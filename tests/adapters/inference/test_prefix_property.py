"""Whatever is kept, taken, forgotten and found again: what is handed out is the beginning that was asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from mlx_lm.models.cache import KVCache

from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from tests.support.prefix_networks import numbers, tells, told

ROOT = b"r" * 32
ROW_BYTES = 8
# Sequences made of few pieces, so that many begin alike and part anywhere: at, before and behind a block's end.
PIECES = [numbers(length, seed=seed) for seed in (1, 2) for length in (1, 3, 90, 255, 256, 257)]
SEQUENCES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(lambda pieces: sum(pieces, ()))
BUDGETS = st.sampled_from([0, 100 * ROW_BYTES, 600 * ROW_BYTES, 1 << 30])
STEPS = st.lists(
    st.tuples(st.sampled_from(["keep", "keep", "take", "take", "restart", "wipe"]), SEQUENCES), min_size=2, max_size=14
)


def common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    return next(
        (at for at, (mine, yours) in enumerate(zip(one, other, strict=False)) if mine != yours),
        min(len(one), len(other)),
    )


def opened(folder: Path, ram_bytes: int) -> PrefixCache:
    return PrefixCache(ROOT, ram_bytes, lambda: [KVCache()], open_disk(folder, ROOT, {"model": "m"}, 1 << 30))


@given(STEPS, BUDGETS)
@settings(max_examples=60, deadline=None)
def test_what_is_handed_out_is_what_was_kept(steps: list[tuple[str, tuple[int, ...]]], ram_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prefixes = opened(Path(folder), ram_bytes)
        kept: list[tuple[int, ...]] = []
        for action, tokens in steps:
            match action:
                case "keep":
                    prefixes.keep(tokens, told(tokens), boundary=False)
                    kept.append(tokens)
                case "restart":
                    prefixes.close()
                    prefixes = opened(Path(folder), ram_bytes)
                case "wipe":
                    prefixes.wipe()
                    kept.clear()
                case "take":
                    check(prefixes, kept, tokens)
        prefixes.close()


def check(prefixes: PrefixCache, kept: list[tuple[int, ...]], tokens: tuple[int, ...]) -> None:
    """With the disk nothing is ever too much: the longest beginning is known, but for the last token."""
    prefix = prefixes.longest(tokens)
    expected = min(max((common(tokens, each) for each in kept), default=0), len(tokens) - 1)
    assert (0 if prefix is None else prefix.length) == expected
    if prefix is not None:
        assert tells(prefix.caches, tokens[: prefix.length])
