"""docs/testing-results.md has the tables that the scripts write; what they say of faults and lines is enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import mutation_score
from scripts.multi_python import __main__ as multi_python
from scripts.multi_python.interpreters import SUPPORTED

PAGE = (Path(__file__).resolve().parents[2] / "docs/testing-results.md").read_text(encoding="utf-8")


def rows(name: str) -> list[list[str]]:
    """The cells of a block's table, its head first."""
    (block,) = re.findall(rf"<!-- {name}: begin -->\n(.*?)<!-- {name}: end -->", PAGE, re.DOTALL)
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line.startswith("|")
    ]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        (multi_python.BLOCK, multi_python.table([])),
        (mutation_score.BLOCK, mutation_score.table({"a": mutation_score.Score(1, 0)})),
    ],
)
def test_a_block_has_the_table_that_its_script_writes(name: str, table: str) -> None:
    head = [cell.strip() for cell in table.splitlines()[0].strip("|").split("|")]
    assert rows(name)[0] == head


def test_every_supported_python_has_its_rows_and_both_ends_of_the_libraries_ran() -> None:
    found = rows(multi_python.BLOCK)[2:]
    versions = {tuple(int(part) for part in row[0].split(".")[:2]) for row in found}
    assert versions >= set(SUPPORTED)
    assert {row[1] for row in found if row[6]} == {"oldest", "newest"}


def test_enough_of_the_faults_were_found() -> None:
    whole = rows(mutation_score.BLOCK)[-1]
    assert float(whole[4].removesuffix(" %")) >= mutation_score.LEAST_PERCENT


def test_coverage_is_told_for_both_layers() -> None:
    told = {
        layer: float(percent)
        for layer, percent in re.findall(r"^\| `(\w+)` \|.*\| (\d+(?:\.\d+)?) % \|$", PAGE, re.MULTILINE)
    }
    assert set(told) == {"domain", "application"}
    assert min(told.values()) >= 95
