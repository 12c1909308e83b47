"""Which processes count, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.reporting.process_table import Process, below, from_ps, from_stat, held_bytes, zombies
from benchmarks.reporting.sampling import MemoryUse, TreeSampler, memory_use

PS = """    1     0 Ss     9000 /sbin/launchd
  100     1 S      1000 python -m pytest -m live
  101   100 S      2000 python mlxk/__main__.py serve --port 0
  102   101 R+     4000 python -m mlxk worker --fd 5
  103   100 Z         0 <defunct>
  104     1 S      8000 python -m mlxk worker --fd 7
  105    50 Z         0 (somebody's child)
garbage
"""


def process(own: int, parent: int, resident: int = 1, state: str = "S", command: str = "x") -> Process:
    return Process(own, parent, state, resident, command)


def test_ps_tells_who_runs_below_whom_and_holds_what() -> None:
    found = from_ps(PS)
    tree = below(found, 100)
    assert sorted(each.process_id for each in tree) == [101, 102, 103]
    assert held_bytes(tree) == 6000 * 1024


def test_zombies_are_unwaited_children_of_ours_and_orphaned_workers() -> None:
    assert zombies(from_ps(PS), 100) == 2
    assert zombies(from_ps(PS), 50) == 2
    assert zombies([each for each in from_ps(PS) if each.process_id != 104], 101) == 0


def test_a_worker_with_a_parent_is_at_its_place() -> None:
    everyone = [process(1, 0), process(5, 1, command="mlxk serve"), process(6, 5, command="mlxk worker --fd 3")]
    assert zombies(everyone, 1) == 0


@pytest.mark.parametrize("name", ["cat", "a b", "a) S 1 (b", "x" * 15])
def test_a_name_of_any_kind_does_not_shift_what_follows(name: str) -> None:
    found = from_stat(f"42 ({name}) Z 7 {'0 ' * 19}5 0", 4096, b"")
    assert found == Process(42, 7, "Z", 5 * 4096, name)


def test_what_is_no_stat_line_is_no_process() -> None:
    assert from_stat("", 4096, b"") is None
    assert from_stat("42 (x) S 7", 4096, b"") is None


def test_the_peak_is_the_most_and_settled_the_median_of_the_later_half() -> None:
    assert memory_use([0, 0, 10, 20, 90, 80, 70, 0]) == MemoryUse(90, 80)
    assert memory_use([7]) == MemoryUse(7, 7)


def test_a_test_that_ran_nothing_has_no_memory() -> None:
    assert memory_use([]) is None
    assert memory_use([0, 0]) is None


def test_the_sampler_counts_what_is_below_and_not_the_process_itself() -> None:
    def read() -> Sequence[Process]:
        return [process(1, 0, 100), process(2, 1, 20), process(3, 2, 3)]

    sampler = TreeSampler(read, 1, interval_seconds=60)
    sampler.start()
    sampler.look()
    assert sampler.stop() == [23]
    assert sampler.stop() == [23]
