"""Work shared among forked processes comes back complete, in order, and as if it had been done here."""

from __future__ import annotations

import os
from pathlib import Path, PurePath

import pytest

from adapters.model_store import forked_crew
from adapters.model_store.forked_crew import LEAST_SHARE, ForkedCrew
from application.catalog.list_models import ListModels, ListQuery
from domain.catalog.location import LocatedModel, ModelSource
from ports.report_index import RememberedReport
from tests.support.catalog_disk import LIBRARIES, Disk
from tests.support.model_zoo import ALL_CASES
from tests.support.processes import descendants
from tests.support.report_samples import sample_report

MANY = [
    LocatedModel(f"org/{number}", PurePath(f"/nowhere/{number}"), ModelSource.CACHE, f"{number:040x}")
    for number in range(3 * LEAST_SHARE + 1)
]
pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="shares work only where anonymous files exist")


def judged(location: LocatedModel) -> RememberedReport:
    return RememberedReport(location.name, os.getpid(), sample_report(location))


def test_every_model_comes_back_in_order_from_several_processes() -> None:
    answers = ForkedCrew(3).judge_all(MANY, judged)
    assert [answer.report.location for answer in answers] == MANY
    assert [answer.report for answer in answers] == [sample_report(location) for location in MANY]
    assert len({answer.changed_ns for answer in answers}) == 3


def test_few_models_are_judged_here() -> None:
    answers = ForkedCrew(3).judge_all(MANY[: 2 * LEAST_SHARE - 1], judged)
    assert {answer.changed_ns for answer in answers} == {os.getpid()}
    assert ForkedCrew(3).judge_all([], judged) == []


def test_where_there_are_no_anonymous_files_all_is_judged_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    assert {answer.changed_ns for answer in ForkedCrew(3).judge_all(MANY, judged)} == {os.getpid()}


def test_what_a_process_could_not_do_is_done_here() -> None:
    here = os.getpid()

    def dies_elsewhere(location: LocatedModel) -> RememberedReport:
        if os.getpid() != here and location.name.endswith("7"):
            os.kill(os.getpid(), 9)
        return judged(location)

    answers = ForkedCrew(2).judge_all(MANY, dies_elsewhere)
    assert [answer.report.location for answer in answers] == MANY
    assert {answer.changed_ns for answer in answers} == {here}


def test_an_error_here_leaves_no_process_behind() -> None:
    here = os.getpid()
    before = descendants(here)

    def fails_here(location: LocatedModel) -> RememberedReport:
        if os.getpid() == here:
            raise KeyboardInterrupt
        return judged(location)

    with pytest.raises(KeyboardInterrupt):
        ForkedCrew(2).judge_all(MANY, fails_here)
    left = {each: words for each, words in descendants(here).items() if each not in before}
    assert all(words.startswith("ps ") for words in left.values()), left  # the listing itself


def test_a_whole_listing_is_the_same_shared_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked_crew, "LEAST_SHARE", 10)
    disk = Disk.under(tmp_path)
    for case in ALL_CASES:
        case.build(disk.cache.root, disk.home)
    alone = disk.list_models().execute(ListQuery())
    assert ListModels(disk.stores, LIBRARIES, crew=ForkedCrew(2)).execute(ListQuery()) == alone
