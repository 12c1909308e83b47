"""Pieces of prompts as plain bytes, for the disk tier alone: no MLX."""

from __future__ import annotations

import time
from pathlib import Path

from adapters.inference.prefix_cache.chain import key_of
from adapters.inference.prefix_cache.disk import DiskTier, open_disk
from adapters.inference.prefix_cache.record_file import RawArray, Record
from tests.support.eventually import eventually

ROOT = b"r" * 32
SIZE_BYTES = 1_000


def chain(seed: int, lengths: tuple[int, ...]) -> list[Record]:
    """Pieces that hang on one another; the last is a tail where it is shorter than a block."""
    found: list[Record] = []
    parent, start = ROOT, 0
    for length in lengths:
        tokens = tuple(range(seed, seed + length))
        tail = length < 256
        key = key_of(parent, tokens, tail=tail)
        values = RawArray("U8", (SIZE_BYTES,), bytes([seed]) * SIZE_BYTES)
        found.append(
            Record(
                key, parent, start, tokens, "layout", tail=tail, exact=False, rows=1, skeleton="[]", arrays=(values,)
            )
        )
        parent, start = key, start + length
    return found


def opened(folder: Path, budget_bytes: int) -> DiskTier:
    disk = open_disk(folder, ROOT, {"model": "m"}, budget_bytes)
    assert disk is not None
    return disk


def remember(folder: Path, budget_bytes: int) -> None:
    disk = opened(folder, budget_bytes)
    list(disk.found())
    first, second = chain(1, (256, 256, 30)), chain(2, (256, 40))
    for record in (*first, *second):
        disk.put(record, time.time_ns(), wait=True)
    eventually(lambda: not disk._writer._waiting, "all is written: each run makes the same changes")
    disk.forget(first[-1].key)
    disk.touch([second[0].key])
    disk.quarantine(frozenset({"Broken"}))
    disk.close()
