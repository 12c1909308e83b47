"""Whose caches are in memory, and how far each may grow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from adapters.inference.engine.caches import leaves, window_of_cache
from adapters.inference.engine.rows import Row
from domain.errors import InsufficientMemory, InvalidRequest
from domain.serving.kv_room import WINDOW_TOKENS, KvRoom, RowBytes
from ports.text_engine import EngineRow


class Seats:
    """A row has a seat from the first chunk of its prompt on, until it ends or is sent back to the queue. Its reach is
    the length for which memory is kept: the prompt and a window of the answer, moved on as the answer grows.

    room: as it is now. rows: all that the engine has, by id; those that have ended are in it no more. Seats are given
    up by whoever came last, also by rows that are still being read.
    """

    def __init__(self, room: Callable[[], KvRoom], rows: Mapping[int, Row]) -> None:
        self._room = room
        self._rows = rows

    def refusal(self, asked: EngineRow) -> InvalidRequest | None:
        """Why this row can never have a seat, however empty it is here."""
        prompt = len(asked.prompt)
        window = _window(asked)
        longest = self._room().longest(prompt + window)
        if longest >= prompt + window:
            return None
        left = longest - prompt
        if left < 1:
            return InvalidRequest(
                f"a prompt of {prompt:,} tokens needs more memory for its KV cache than this model was given",
                hint=f"shorten the conversation to fewer than {longest:,} tokens" if longest else "free some memory",
                param="messages",
                detail={"largest_prompt": max(longest - 1, 0)},
            )
        return InvalidRequest(
            f"prompt {prompt:,} + max_tokens {asked.max_tokens:,} need more memory for their KV cache than this model "
            f"was given",
            hint=f"ask for at most {left:,} tokens",
            param="max_tokens",
            detail={"largest_max_tokens": left},
        )

    def take(self, row: Row) -> bool:
        """A seat for this row, if it has none yet; False when there is no room beside the others. Raises
        InsufficientMemory for a row that has grown too long to go on even by itself.
        """
        if not row.reach:
            window = WINDOW_TOKENS if row.said else _window(row.asked)  # who was sent back wants to stay this time
            row.reach = self._reach(row, window)
            if not row.reach and not self._reaches():
                raise no_room(row)
        return row.reach > 0

    def crowded_out(self, running: Iterable[Row]) -> tuple[list[Row], list[Row]]:
        """Move the reach of running rows that have grown up to it. Rows that must give up their seats for that, the
        newest of all first, and rows that nobody can make room for.
        """
        sent_back: list[Row] = []
        hopeless: list[Row] = []
        for row in sorted(running, key=lambda each: each.order):
            while row.reach and row.length >= row.reach < _most(row) and not self._moved_on(row):
                victim = max((each for each in self._rows.values() if each.reach), key=lambda each: each.order)
                victim.reach = 0
                (sent_back if victim is not row or self._reaches() else hopeless).append(victim)
        return sent_back, hopeless

    def _moved_on(self, row: Row) -> bool:
        reach = self._reach(row, WINDOW_TOKENS)
        if reach <= row.length:
            return False
        row.reach = reach
        return True

    def _reach(self, row: Row, window: int) -> int:
        """The length that can be kept for a row beside the others, 0 when that is too little. By itself it may have
        what there is.
        """
        others = self._reaches(but=row)
        reach = min(row.length + window, _most(row))
        if not self._room().fits([*others, reach]):
            reach = 0 if others else self._room().longest(reach)
        return reach if reach > row.length else 0

    def _reaches(self, but: Row | None = None) -> list[int]:
        return [row.reach for row in self._rows.values() if row.reach and row is not but]


def no_room(row: Row) -> InsufficientMemory:
    """For a row that nothing more fits for, beside nothing else."""
    if row.said:
        return grown_out(len(row.said))
    return InsufficientMemory(
        f"there is no memory left for a prompt of {len(row.asked.prompt):,} tokens",
        hint="shorten the conversation, or ask for fewer tokens",
        param="messages",
    )


def grown_out(said: int) -> InsufficientMemory:
    """said: tokens of the answer so far."""
    return InsufficientMemory(
        f"the answer has grown to {said:,} tokens, and there is no memory for more",
        hint="ask for fewer tokens, or shorten the conversation",
        param="max_tokens",
    )


def row_bytes(caches: Sequence[Any]) -> RowBytes:
    """What the caches of one row take, from caches that hold some tokens."""
    full, fixed = 0, 0
    windows: list[tuple[int, int]] = []
    for cache in leaves(caches):
        keys = getattr(cache, "keys", None)
        if keys is None:
            fixed += int(getattr(cache, "nbytes", 0))
            continue
        rows = keys[0] if isinstance(keys, tuple | list) else keys  # quantised: values, scales, biases
        per_token = int(cache.nbytes) // max(int(rows.shape[2]), 1)
        window = window_of_cache(cache)
        if window is None:
            full += per_token
        else:
            windows.append((window, per_token))
    return RowBytes(full, tuple(windows), fixed)


def _window(asked: EngineRow) -> int:
    return asked.max_tokens if asked.window is None else min(asked.window, asked.max_tokens)


def _most(row: Row) -> int:
    return len(row.asked.prompt) + row.asked.max_tokens
