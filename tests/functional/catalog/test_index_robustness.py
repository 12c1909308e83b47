"""What the index must not be asked: whether a workspace still is what its hash says."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.model_store.report_index import FileReportIndex
from adapters.workspace_files.local import LocalWorkspaceFiles
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.show_model import ShowModel
from application.workspace.check_workspace import CheckWorkspace
from application.workspace.recalculate_hash import RecalculateHash
from domain.catalog.report import ModelReport
from tests.support.catalog_disk import LIBRARIES, Disk
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import add_workspace

LATER_NS = time.time_ns() + 3_600_000_000_000
NOW = datetime(2026, 4, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written just now is old enough to be remembered."""
    monkeypatch.setattr("adapters.model_store.report_index.time.time_ns", lambda: LATER_NS)


def managed_workspace(folder: Path, facts: str = '"managed": true') -> Path:
    add_workspace(folder, {**text_model(), ".mlxk_workspace.json": f"{{{facts}}}"})
    return folder


def listed(disk: Disk, folder: Path, name: str) -> ModelReport:
    complete = CheckWorkspace(LocalWorkspaceFiles()).complete
    index = FileReportIndex(folder / "cache")
    reports = ListModels(disk.stores, LIBRARIES, index, complete).execute(ListQuery())
    return next(report for report in reports if report.name == name)


def shown(disk: Disk, name: str) -> ModelReport:
    return (
        ShowModel(disk.stores, LIBRARIES, complete=CheckWorkspace(LocalWorkspaceFiles()).complete).execute(name).report
    )


def test_a_file_that_the_listing_passes_over_still_makes_a_workspace_modified(disk: Disk, tmp_path: Path) -> None:
    folder = managed_workspace(disk.home / "mine")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "kept").write_text("x", encoding="utf-8")
    RecalculateHash(LocalWorkspaceFiles(), lambda: NOW).execute(folder)
    first = listed(disk, tmp_path, "mine")
    assert first.clean is True
    (folder / ".hidden" / "kept").write_text("other", encoding="utf-8")
    second = listed(disk, tmp_path, "mine")
    assert second.clean is False
    assert second.content_hash != first.content_hash
    assert second == shown(disk, "mine")


def test_what_is_told_of_a_workspace_is_told_once(disk: Disk, tmp_path: Path) -> None:
    """The hint of an unhashed workspace is among the findings: no remembered report may hold it already."""
    managed_workspace(disk.home / "mine")
    reports = [listed(disk, tmp_path, "mine") for _ in range(3)]
    assert reports == [shown(disk, "mine")] * 3
    assert len(set(reports[0].findings)) == len(reports[0].findings)
