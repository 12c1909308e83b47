"""scripts/test-wet-umbrella.sh: the groups in order, each with a process of its own, and the sum."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$CALLS"
group=$(printf '%s' "$*" | grep -Eo 'live and [a-z_]+' | cut -d' ' -f3)
while (($#)); do [ "$1" != --report-output ] || echo "{\\"group\\": \\"$group\\"}" >> "$2"; shift; done
case $group in
  wet) echo "2 failed, 7 passed, 3 skipped, 1 deselected, 1 error in 1.00s"; exit ${WET_CODE:-1};;
  live_pull) echo "1 passed in 0.10s"; exit 0;;
  *) echo "5 deselected in 0.10s"; exit 5;;
esac
"""


def umbrella(tmp_path: Path, *words: str, **environ: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    program, calls = tmp_path / "pytest", tmp_path / "calls"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    calls.touch()
    done = subprocess.run(
        [str(ROOT / "scripts/test-wet-umbrella.sh"), *words],
        env={**os.environ, "PYTEST": str(program), "CALLS": str(calls), **environ},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done, calls.read_text().splitlines()


def test_the_groups_run_in_order_and_are_summed_up(tmp_path: Path) -> None:
    done, calls = umbrella(tmp_path)
    usual = "--tb=no --capture=sys"
    assert calls == [f"tests/live -m live and {group} {usual}" for group in ("wet", "live_pull", "live_clone")]
    rows = [line.split() for line in done.stdout.partition("group ")[2].splitlines()]
    assert [row[:4] for row in rows[1:]] == [["wet", "7", "3", "3"], ["live_pull", "1", "0", "0"],
                                             ["live_clone", "0", "0", "0"]]  # fmt: skip
    assert done.returncode == 1


@pytest.mark.parametrize(("code", "outcome"), [("0", 0), ("5", 0), ("1", 1), ("2", 1), ("139", 1)])
def test_it_fails_when_a_group_does(tmp_path: Path, code: str, outcome: int) -> None:
    done, calls = umbrella(tmp_path, WET_CODE=code)
    assert (done.returncode, len(calls)) == (outcome, 3)
    assert ("ended with" in done.stdout) is (code in {"2", "139"})


def test_arguments_reach_every_group(tmp_path: Path) -> None:
    _, calls = umbrella(tmp_path, "-k", "push or pull", "-q")
    assert all(each.endswith("--capture=sys -k push or pull -q") for each in calls)


def test_the_groups_add_to_one_report(tmp_path: Path) -> None:
    report = tmp_path / "my.reports" / "report.jsonl"
    report.parent.mkdir()
    umbrella(tmp_path, "--report-output", str(report))
    assert report.read_text().splitlines() == [f'{{"group": "{each}"}}' for each in ("wet", "live_pull", "live_clone")]
