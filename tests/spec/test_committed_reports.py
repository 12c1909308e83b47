"""Reports that come with the sources hold to the schema that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.validate_reports import main

REPORTS = sorted((Path(__file__).resolve().parents[2] / "benchmarks/reports").glob("*.jsonl"))


@pytest.mark.spec
def test_there_is_a_report() -> None:
    assert REPORTS


@pytest.mark.spec
@pytest.mark.parametrize("report", REPORTS, ids=lambda each: each.stem)
def test_a_committed_report_is_valid_and_has_its_page(report: Path) -> None:
    assert main([str(report)]) == 0
    assert report.with_suffix(".md").is_file()
