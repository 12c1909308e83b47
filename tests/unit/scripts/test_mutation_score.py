"""The score counts what a run of mutmut left, and makes nothing look better than it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.mutation_score import Score, main, read, sample, score, table

TIMED_OUT, SURVIVED, NO_TESTS, KILLED = 36, 0, 33, 1


def left(folder: Path, module: str, *ends: int | None) -> None:
    path = folder / "domain" / f"{module}.py.meta"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"exit_code_by_key": {str(at): end for at, end in enumerate(ends)}}), encoding="utf-8")


def test_a_fault_is_found_when_its_tests_fail_hang_or_die() -> None:
    assert score([1, 3, TIMED_OUT, 24, -24, 152, -9, -11]) == Score(found=8, missed=0)


@pytest.mark.parametrize("end", [SURVIVED, NO_TESTS, 5, 34, 35, 2])
def test_everything_else_that_was_tried_is_missed(end: int) -> None:
    assert score([end, KILLED]) == Score(found=1, missed=1)


def test_what_was_not_tried_counts_on_neither_side(tmp_path: Path) -> None:
    left(tmp_path, "hub/a", KILLED, None, None)
    assert read(tmp_path) == {"hub": Score(1, 0, 2)}
    assert table(read(tmp_path)).endswith("\n\n2 more were not tried.")


def test_modules_are_summed_by_package_and_in_the_last_row(tmp_path: Path) -> None:
    left(tmp_path, "hub/a", KILLED, SURVIVED)
    left(tmp_path, "hub/b", KILLED, KILLED)
    left(tmp_path, "errors", NO_TESTS)
    assert table(read(tmp_path)).splitlines()[2:] == [
        "| beside them | 1 | 0 | 1 | 0.0 % |",
        "| hub | 4 | 3 | 1 | 75.0 % |",
        "| **all** | 5 | 3 | 2 | 60.0 % |",
    ]


@pytest.mark.parametrize(("found", "code"), [(84, 1), (85, 0)])
def test_less_than_85_percent_is_a_failure(tmp_path: Path, found: int, code: int) -> None:
    left(tmp_path, "hub/a", *[KILLED] * found, *[SURVIVED] * (100 - found))
    assert main(["--folder", str(tmp_path)]) == code


def test_no_results_are_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path)]) == 2
    assert "run `make mutation`" in capsys.readouterr().err


def test_the_table_goes_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- mutation: begin -->\n<!-- mutation: end -->\n", encoding="utf-8")
    left(tmp_path, "hub/a", KILLED)
    assert main(["--folder", str(tmp_path), "--report", str(page)]) == 0
    assert "| hub | 1 | 1 | 0 | 100.0 % |" in page.read_text(encoding="utf-8")


def test_a_sample_is_the_same_every_time_and_no_larger_than_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left(tmp_path, "hub/a", *[None] * 50)
    drawn = sample(tmp_path, 10)
    assert (len(set(drawn)), drawn) == (10, sample(tmp_path, 10))
    assert len(sample(tmp_path, 99)) == 50
    assert main(["--folder", str(tmp_path), "--sample", "10"]) == 0
    assert capsys.readouterr().out.split() == drawn
