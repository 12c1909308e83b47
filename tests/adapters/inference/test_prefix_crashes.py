"""Killed with SIGKILL at any change of the disk, what is remembered is whole or not there. A sample of the points
here; every point in the nightly run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.inference.prefix_cache import folders
from adapters.inference.prefix_cache.record_file import Record
from tests.support.crash_points import NEVER, run_to_crashes
from tests.support.prefix_pieces import SIZE_BYTES, chain, opened

SAMPLE = 14
BUDGETS = {"room for all": 1 << 30, "room for three": 8_000}


def sweep(folder: Path, budget_bytes: int, *, every: bool) -> None:
    (count,) = run_to_crashes("remember", {NEVER: made(folder / "whole")}, budget=str(budget_bytes)).values()
    assert count is not None
    assert count > 30
    points = points_until(count, every=every)
    places = {point: made(folder / str(point)) for point in points}
    outcomes = run_to_crashes("remember", places, budget=str(budget_bytes))
    assert [outcomes[point] for point in points] == [None] * len(points), "a child was not killed"
    for place in places.values():
        check(place, budget_bytes)


def made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def points_until(count: int, *, every: bool) -> Sequence[int]:
    if every:
        return range(1, count + 1)
    return sorted({1, count, *random.Random(5).sample(range(1, count + 1), SAMPLE)})  # noqa: S311


def check(folder: Path, budget_bytes: int) -> None:
    """The next process finds sound pieces only, no leftovers, and can go on."""
    disk = opened(folder, budget_bytes)
    entries = list(disk.found())
    records = disk.read([entry.key for entry in entries])
    assert all(isinstance(record, Record) for record in records)
    assert not list(folder.rglob(f"{folders.UNFINISHED}*.safetensors"))
    total = sum(piece.size_bytes for each in folders.model_folders(folder) for piece in folders.pieces(each))
    assert total <= budget_bytes
    (fresh,) = chain(9, (256,))
    assert disk.put(fresh, time.time_ns())
    disk.close()
    again = opened(folder, budget_bytes)
    assert fresh.key in {entry.key for entry in again.found()}
    (record,) = again.read([fresh.key])
    assert isinstance(record, Record)
    assert bytes(record.arrays[0].data) == bytes([9]) * SIZE_BYTES
    again.close()


@pytest.mark.parametrize("budget", BUDGETS)
def test_a_write_that_is_killed_leaves_whole_pieces(tmp_path: Path, budget: str) -> None:
    sweep(tmp_path, BUDGETS[budget], every=False)


@pytest.mark.nightly
@pytest.mark.parametrize("budget", BUDGETS)
def test_a_write_that_is_killed_anywhere_leaves_whole_pieces(tmp_path: Path, budget: str) -> None:
    sweep(tmp_path, BUDGETS[budget], every=True)
