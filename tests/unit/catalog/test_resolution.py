"""Which names and revisions a word may mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.resolution import Snapshot, default_snapshot, match_names, match_revision

NAMES = ("mlx-community/Qwen3-4B", "lmstudio/Qwen3-4B", "mlx-community/Qwen3-4B-DWQ", "solo", "a/Solo-2")
EARLY, LATE = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2))


@pytest.mark.parametrize(
    ("text", "matches", "exact"),
    [
        ("lmstudio/Qwen3-4B", ("lmstudio/Qwen3-4B",), True),
        ("Qwen3-4B", ("mlx-community/Qwen3-4B",), True),
        ("Solo-2", ("a/Solo-2",), True),
        ("solo", ("solo",), True),
        ("SOLO", ("solo",), False),
        ("qwen3-4b", ("lmstudio/Qwen3-4B", "mlx-community/Qwen3-4B"), False),
        ("dwq", ("mlx-community/Qwen3-4B-DWQ",), False),
        ("4B", ("lmstudio/Qwen3-4B", "mlx-community/Qwen3-4B", "mlx-community/Qwen3-4B-DWQ"), False),
        ("nothing", (), False),
    ],
)
def test_exact_beats_fuzzy_and_every_match_is_told(text: str, matches: tuple[str, ...], exact: bool) -> None:
    assert match_names(text, NAMES) == (matches, exact)


@given(st.lists(st.text(min_size=1), max_size=8), st.text(min_size=1))
def test_matches_are_names_that_were_given_and_a_given_name_always_matches_itself(names: list[str], text: str) -> None:
    matches, _ = match_names(text, names)
    assert set(matches) <= set(names)
    for name in names:
        assert match_names(name, names) == ((name,), True)


def snapshot(revision: str, *refs: str, modified: datetime = EARLY) -> Snapshot:
    return Snapshot(revision, refs, modified)


def test_a_branch_beats_the_beginning_of_a_hash() -> None:
    branch, other = snapshot("b" * 40, "abc"), snapshot("abc" + "0" * 37)
    assert match_revision("abc", [branch, other]) == (branch,)


def test_the_beginning_of_two_hashes_means_both() -> None:
    both = (snapshot("ab" + "0" * 38), snapshot("ab" + "1" * 38))
    assert match_revision("AB", both) == both
    assert match_revision("ab1", both) == both[1:]


def test_main_decides_then_recency() -> None:
    old_main, new = snapshot("a" * 40, "main"), snapshot("b" * 40, modified=LATE)
    assert default_snapshot([new, old_main]) == old_main
    assert default_snapshot([snapshot("a" * 40), new]) == new
    assert default_snapshot([]) is None
