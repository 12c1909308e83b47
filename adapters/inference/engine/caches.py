"""What the engine does with mlx-lm's caches: one row's, and a batch's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import can_trim_prompt_cache, trim_prompt_cache

BATCHED_METHODS = ("filter", "extend", "extract")


def evaluate(caches: Iterable[Any]) -> None:
    """Wait until they hold what they say."""
    mx.eval([cache.state for cache in caches])


def merged(rows: Sequence[list[Any]]) -> list[Any]:
    """The batch's caches, one a layer, from those of single rows."""
    return [type(layer[0]).merge(list(layer)) for layer in zip(*rows, strict=True)]


def extracted(caches: Iterable[Any], at: int) -> list[Any]:
    """One row's own caches, evaluated at once: lazy, they would keep the whole batch alive."""
    own = [cache.extract(at) for cache in caches]
    evaluate(own)
    return own


def cut(caches: list[Any], surplus: int) -> bool:
    """Take so many of a row's last tokens back; False, and nothing is changed, where that cannot be done."""
    if surplus and not can_trim_prompt_cache(caches):
        return False
    return int(trim_prompt_cache(caches, surplus)) == surplus


def finalized(caches: list[Any]) -> list[Any]:
    """A batch whose prompts have been read, ready to decode."""
    for cache in caches:
        if hasattr(cache, "finalize"):
            cache.finalize()
    return caches


def unbatchable(caches: Iterable[Any]) -> str | None:
    """Names of the classes that have no batched form; None when all have one."""
    lacking = sorted({type(cache).__name__ for cache in leaves(caches) if not hasattr(type(cache), "merge")})
    return ", ".join(lacking) or None


def can_be_cut_short(caches: Iterable[Any]) -> bool:
    """Whether the last tokens can be taken out again at any length. A rotating cache forgets its first."""
    return all(cache.is_trimmable() and not window_of_cache(cache) for cache in leaves(caches))


def leaves(caches: Iterable[Any]) -> Iterator[Any]:
    """The caches, those inside of lists of caches among them."""
    for cache in caches:
        inner = getattr(cache, "caches", None)
        if inner is None:
            yield cache
        else:
            yield from leaves(inner)


class Weight:
    """How much a row's caches weigh, in tokens of one layer: those that keep every token, those that keep a window, and
    those that do not grow. Caches allocate in steps of 256 tokens; half a step is what a row wastes on average.
    """

    WASTE = 128

    def __init__(self, caches: Iterable[Any]) -> None:
        windows = [
            window_of_cache(cache) for cache in leaves(caches) if hasattr(cache, "keys") or window_of_cache(cache)
        ]
        self._full = sum(window is None for window in windows)
        self._windows = [window for window in windows if window is not None]

    def of(self, tokens: int) -> int:
        held = tokens + self.WASTE
        return self._full * held + sum(min(held, window) for window in self._windows)


def window_of_cache(cache: Any) -> int | None:
    """How many tokens it keeps at most; None for all."""
    window = getattr(cache, "max_size", None) or getattr(cache, "chunk_size", None)
    return int(window) if window else None
