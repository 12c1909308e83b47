"""Every model of the zoo gets the verdict that stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from adapters.runtime_support.installed import InstalledLibraryInspector
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.stores import ModelStores
from domain.catalog.printable import printable
from domain.catalog.report import ModelReport
from tests.support.model_zoo import ALL_CASES, Case

LIBRARIES = InstalledLibraryInspector()


def stores(root: Path) -> ModelStores:
    return ModelStores(
        workspaces=WorkspaceStore(root / "home"),
        cache=HfCacheStore(root / "hub"),
        builtin=BuiltinStore(root / "no-such-folder" / "demo"),
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelReport]:
    """All cases on one disk, listed once: so none of them hides another."""
    root = tmp_path_factory.mktemp("zoo")
    (root / "home").mkdir()
    for case in ALL_CASES:
        case.build(root / "hub", root / "home")
    listed = ListModels(stores(root), LIBRARIES).execute(ListQuery())
    return {report.name: report for report in listed}


def test_there_are_at_least_sixty_distinct_cases() -> None:
    assert len({case.id for case in ALL_CASES}) == len({case.model_name for case in ALL_CASES}) == len(ALL_CASES) >= 60


def test_no_model_hides_another(reports: dict[str, ModelReport]) -> None:
    assert set(reports) == {printable(case.model_name) for case in ALL_CASES}


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.id)
def test_verdict(case: Case, reports: dict[str, ModelReport]) -> None:
    report = reports[printable(case.model_name)]
    assert (report.healthy, report.health_reason) == (case.healthy, case.health)
    assert report.framework == case.framework
    assert report.model_type == case.label
    assert report.capabilities == case.capabilities
    assert (report.runtime_compatible, report.reason) == (case.reason is None, case.reason)
    assert report.backend == (case.backend if case.reason is None else None)
    if case.reason is None:
        assert tuple(report.dropped) == case.dropped
    else:
        assert report.dropped == dict.fromkeys(case.capabilities, case.reason)
    assert report.context_length == case.context_length
    assert case.findings in "\n".join(report.findings)
    assert set(report.capabilities) < set(report.evidence)
