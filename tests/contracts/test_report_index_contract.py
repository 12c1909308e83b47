"""What every ReportIndex does: one that is kept, and one that is opened anew for each call as by other processes."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import pytest

from adapters.model_store.report_index import FileReportIndex
from domain.catalog.location import LocatedModel, ModelSource
from ports.report_index import RememberedReport, ReportIndex
from tests.support.report_samples import sample_report

A, B, C = (LocatedModel(f"org/{name}", PurePath(f"/models/{name}"), ModelSource.CACHE, name * 40) for name in "abc")
LONG_AGO_NS = time.time_ns() - 3_600_000_000_000


class Reopened:
    """ReportIndex whose every call is made by a new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, context: str, locations: Iterable[LocatedModel]) -> Mapping[str, RememberedReport]:
        return FileReportIndex(self._folder).load(context, locations)

    def save(self, context: str, reports: Iterable[RememberedReport], *, everything: bool) -> None:
        FileReportIndex(self._folder).save(context, reports, everything=everything)


@dataclass(frozen=True)
class Case:
    """folder: what the index writes lies in it; it is not there yet."""

    index: ReportIndex
    folder: Path

    def keys(self, context: str = "here") -> set[str]:
        return set(self.index.load(context, (A, B, C)))


@pytest.fixture(params=[FileReportIndex, Reopened])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    make: Callable[[Path], ReportIndex] = request.param
    return Case(make(tmp_path / "cache"), tmp_path / "cache")


def judged(location: LocatedModel, fingerprint: str = "1") -> RememberedReport:
    return RememberedReport(fingerprint, LONG_AGO_NS, sample_report(location))


def test_at_first_nothing_is_remembered(case: Case) -> None:
    assert case.index.load("here", (A, B)) == {}


def test_what_was_saved_comes_back_whole_by_its_key(case: Case) -> None:
    case.index.save("here", (judged(A), judged(B)), everything=True)
    assert case.index.load("here", (A, B)) == {A.key: judged(A), B.key: judged(B)}


def test_only_what_is_asked_for_comes_back(case: Case) -> None:
    case.index.save("here", (judged(A), judged(B)), everything=True)
    assert set(case.index.load("here", (B, C))) == {B.key}
    assert case.index.load("here", ()) == {}


def test_one_folder_in_two_sources_is_remembered_twice(case: Case) -> None:
    twin = replace(A, source=ModelSource.WORKSPACE, revision=None)
    case.index.save("here", (judged(A, "1"), judged(twin, "2")), everything=True)
    found = case.index.load("here", (A, twin))
    assert {key: each.fingerprint for key, each in found.items()} == {A.key: "1", twin.key: "2"}


def test_another_context_remembers_nothing_of_this_one(case: Case) -> None:
    case.index.save("here", (judged(A),), everything=True)
    assert case.keys("elsewhere") == set()
    case.index.save("elsewhere", (judged(B),), everything=False)
    assert case.keys("elsewhere") == {B.key}


def test_saving_some_keeps_the_others_and_replaces_the_same(case: Case) -> None:
    case.index.save("here", (judged(A), judged(B)), everything=True)
    case.index.save("here", (judged(B, "2"), judged(C)), everything=False)
    found = case.index.load("here", (A, B, C))
    assert {key: each.fingerprint for key, each in found.items()} == {A.key: "1", B.key: "2", C.key: "1"}


def test_saving_everything_forgets_the_others(case: Case) -> None:
    case.index.save("here", (judged(A), judged(B)), everything=True)
    case.index.save("here", (judged(C),), everything=True)
    assert case.keys() == {C.key}


@pytest.mark.parametrize("everything", [True, False])
def test_what_cannot_be_understood_is_nothing_and_is_saved_over(case: Case, everything: bool) -> None:
    for spoilt in (b"", b"\xff\0", b"[" * 100_000, b"null\n", b"[]\n[]\n", None):
        case.index.save("here", (judged(A),), everything=True)
        for path in case.folder.iterdir():
            path.write_bytes(path.read_bytes()[:-9] if spoilt is None else spoilt)
        assert case.keys() == set()
        case.index.save("here", (judged(B),), everything=everything)
        assert case.keys() == {B.key}


def test_a_place_that_cannot_be_written_or_read_is_no_error(case: Case) -> None:
    case.folder.write_text("a file where the folder should be", encoding="utf-8")
    case.index.save("here", (judged(A),), everything=True)
    assert case.keys() == set()


@contextmanager
def room_for(file_bytes: int) -> Iterator[None]:
    """No file of this process can grow beyond that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_save_that_finds_no_room_saves_none_and_loses_none(case: Case) -> None:
    case.index.save("here", (judged(A),), everything=True)
    files = sorted(case.folder.iterdir())
    many = [judged(replace(C, path=PurePath(f"/models/{number}"))) for number in range(100)]
    with room_for(1500):
        case.index.save("here", (judged(B), *many, judged(C)), everything=True)
    assert case.keys() == {A.key}
    assert sorted(case.folder.iterdir()) == files
