"""How a model's caches are taken apart and put together again. MLX, on the engine's thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import mlx.core as mx

from adapters.inference.prefix_cache.entry import Held
from adapters.inference.prefix_cache.kinds import (
    COUNTING,
    CUTTABLE,
    PLAIN,
    QUANTISED,
    STEP,
    Unremembered,
    class_of,
    is_list,
    kind_of,
    list_class,
    remade,
    state_of,
)

ROWS, WHOLE, EMPTY = "rows", "whole", "empty"
TOKEN_AXIS = 2


class Leaf(NamedTuple):
    """One cache. part: ROWS, a row for each token in `arrays` (shape without the tokens, dtype); WHOLE; or EMPTY, never
    written to. settings: what its class is made with, for ROWS and EMPTY.
    """

    kind: str
    part: str
    arrays: tuple[tuple[tuple[int, ...], str], ...] = ()
    settings: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """The caches of one model, as they are after some tokens. nesting: for each layer None, or of how many caches its
    list consists. text: says it all, and is equal exactly for equal layouts.
    """

    leaves: tuple[Leaf, ...]
    nesting: tuple[int | None, ...]

    @cached_property
    def text(self) -> str:
        return json.dumps([self.leaves, self.nesting])

    @cached_property
    def exact(self) -> bool:
        """Only what was kept at one length can be handed out, and only at that length."""
        return any(leaf.part == WHOLE for leaf in self.leaves) or any(count is not None for count in self.nesting)

    @cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset(leaf.kind for leaf in self.leaves)

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Arrays with rows, by number, those of one shape and dtype together: they are kept in one."""
        found: dict[tuple[tuple[int, ...], str], list[int]] = {}
        arrays = (array for leaf in self.leaves for array in leaf.arrays)
        for number, array in enumerate(arrays):
            found.setdefault(array, []).append(number)
        return tuple(map(tuple, found.values()))


def layout_from(text: str) -> Layout:
    """Raises ValueError, TypeError, LookupError for what no Layout has written."""
    leaves, nesting = json.loads(text)
    found = tuple(
        Leaf(kind, part, tuple((tuple(shape), dtype) for shape, dtype in arrays), tuple(settings))
        for kind, part, arrays, settings in leaves
    )
    for leaf in found:
        class_of(leaf.kind)
    return Layout(found, tuple(nesting))


def layout_of(caches: Sequence[Any], length: int) -> Layout:
    """Of caches that hold exactly `length` tokens of one row. Raises Unremembered."""
    leaves = tuple(_leaf(cache, length) for cache in leaves_of(caches))
    nesting = tuple(len(cache.caches) if is_list(cache) else None for cache in caches)
    if all(leaf.part == EMPTY for leaf in leaves):
        raise Unremembered("nothing is in these caches")
    return Layout(leaves, nesting)


def leaves_of(caches: Sequence[Any]) -> list[Any]:
    """The caches with those in lists, in order. Raises Unremembered for a list in a list."""
    found: list[Any] = []
    for cache in caches:
        inner = cache.caches if is_list(cache) else (cache,)
        if any(is_list(each) for each in inner if each is not cache):
            raise Unremembered("a CacheList in a CacheList")
        found.extend(inner)
    return found


def _leaf(cache: Any, length: int) -> Leaf:
    kind = kind_of(cache)
    settings = (cache.group_size, cache.bits) if kind in QUANTISED else ()
    if kind in CUTTABLE and cache.keys is None:
        return Leaf(kind, EMPTY, (), settings)
    if kind in CUTTABLE and cache.offset == length:
        return Leaf(kind, ROWS, tuple(_described(array) for array in row_arrays(cache)), settings)
    if kind in COUNTING and cache.offset != length:
        raise Unremembered(f"a {kind} holds {cache.offset:,} tokens, not {length:,}")
    return Leaf(kind, WHOLE)


def _described(array: Any) -> tuple[tuple[int, ...], str]:
    if array.ndim != 4 or array.shape[0] != 1:
        raise Unremembered(f"not the values of a single row: {array.shape}")
    return ((1, array.shape[1], array.shape[3]), str(array.dtype))


def row_arrays(cache: Any) -> list[Any]:
    """Of a cache with rows: keys, then values; of a quantised one, the three of each."""
    return [cache.keys, cache.values] if kind_of(cache) in PLAIN else [*cache.keys, *cache.values]


class Source:
    """Caches to cut pieces from. `length` tokens are in them."""

    def __init__(self, layout: Layout, caches: Sequence[Any]) -> None:
        self._layout = layout
        leaves = list(zip(layout.leaves, leaves_of(caches), strict=True))
        self._arrays = [array for leaf, cache in leaves if leaf.part == ROWS for array in row_arrays(cache)]
        self._whole = [cache for leaf, cache in leaves if leaf.part == WHOLE]

    def rows(self, start: int, end: int) -> Held:
        """The rows of tokens start to end, copied but not evaluated."""
        return Held(rows=self._cut(start, end))

    def end(self, start: int, end: int) -> Held:
        """The same, and with them what cannot be cut."""
        arrays: list[Any] = []
        skeleton = json.dumps([_skeleton(state_of(cache), arrays) for cache in self._whole])
        return Held(self._cut(start, end), tuple(mx.contiguous(array) for array in arrays), skeleton)

    def _cut(self, start: int, end: int) -> tuple[Any, ...]:
        if start == end:
            return ()
        return tuple(
            mx.concatenate([self._arrays[at][:, :, start:end] for at in group], axis=0)
            if len(group) > 1
            else mx.contiguous(self._arrays[group[0]][:, :, start:end])
            for group in self._layout.groups
        )


def assembled(layout: Layout, pieces: Sequence[Held], length: int) -> list[Any]:
    """Fresh caches that hold `length` tokens, not evaluated; nothing of the pieces is changed by what is done to them.
    The last piece ends the sequence; where the layout is exact it brings what cannot be cut.
    """
    arrays = iter(_joined(layout, [piece.rows for piece in pieces if piece.rows], length))
    states = iter(_states(pieces[-1]) if layout.exact else ())
    leaves = iter([_cache(leaf, arrays, states, length) for leaf in layout.leaves])
    return [
        next(leaves) if count is None else list_class(layout.leaves[0].kind)(*(next(leaves) for _ in range(count)))
        for count in layout.nesting
    ]


def _joined(layout: Layout, pieces: Sequence[tuple[Any, ...]], length: int) -> list[Any]:
    """The arrays with rows, by number, with room up to the next step, as the caches themselves make it."""
    found: dict[int, Any] = {}
    for number, group in enumerate(layout.groups):
        parts = [piece[number] for piece in pieces]
        held = sum(part.shape[TOKEN_AXIS] for part in parts)
        if held < length:
            raise ValueError(f"{held:,} tokens are there where {length:,} were said to be")
        if held > length:
            parts[-1] = parts[-1][:, :, : parts[-1].shape[TOKEN_AXIS] - (held - length)]
        room = -length % STEP
        first = parts[0]
        if room:
            parts.append(mx.zeros((len(group), first.shape[1], room, first.shape[3]), dtype=first.dtype))
        for member, at in enumerate(group):
            found[at] = mx.concatenate([part[member : member + 1] for part in parts], axis=TOKEN_AXIS)
    return [found[at] for at in range(len(found))]


def _cache(leaf: Leaf, arrays: Iterator[Any], states: Iterator[Any], length: int) -> Any:
    if leaf.part == WHOLE:
        return remade(leaf.kind, next(states))
    cache = class_of(leaf.kind)(*leaf.settings)
    if leaf.part == ROWS:
        taken = [next(arrays) for _ in leaf.arrays]
        half = len(taken) // 2
        cache.keys, cache.values = (taken[:half], taken[half:]) if half > 1 else taken
        cache.offset = length
    return cache


def _skeleton(value: Any, arrays: list[Any]) -> Any:
    """A cache's state with its arrays put aside: `{"array": n}` is the n-th of them."""
    if isinstance(value, mx.array):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_skeleton(each, arrays) for each in value]
    raise Unremembered(f"a cache's state holds a {type(value).__name__}")


def _states(piece: Held) -> list[Any]:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return mx.contiguous(piece.whole[value["array"]])
        return [filled(each) for each in value] if isinstance(value, list) else value

    return [filled(state) for state in json.loads(piece.skeleton)]
