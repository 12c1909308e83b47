"""The plan of a pull, from what the hub has and what is here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import DiskFull, DownloadRefused, InvalidRequest
from domain.hub.download_plan import RESERVE_BYTES, CacheState, FileSelection, plan_download
from domain.hub.file_names import file_name_problem, names_problem
from domain.hub.remote_model import RemoteFile, RemoteModel

SMALL = RemoteFile("config.json", 10, "1" * 40)
LARGE = RemoteFile("model.safetensors", 1000, "2" * 40, "3" * 64)
TWIN = RemoteFile("copy.safetensors", 1000, "2" * 40, "3" * 64)
NOTHING = CacheState(frozenset(), frozenset(), {}, 10**12)


def model(*files: RemoteFile, commit: str = "a" * 40) -> RemoteModel:
    return RemoteModel("org/name", "main", commit, files)


def test_the_largest_file_is_fetched_first_and_one_content_once() -> None:
    plan = plan_download(model(SMALL, LARGE, TWIN), FileSelection(), NOTHING)
    assert [file.etag for file in plan.fetch] == [LARGE.etag, SMALL.etag]
    assert (plan.total_bytes, plan.fetch_bytes) == (2010, 1010)
    assert not plan.up_to_date


def test_what_is_here_is_not_fetched() -> None:
    state = CacheState(frozenset({"config.json"}), frozenset(), {LARGE.etag: 400}, 10**12)
    plan = plan_download(model(SMALL, LARGE), FileSelection(), state)
    assert plan.fetch == (LARGE,)
    assert (plan.fetch_bytes, plan.cached_bytes) == (600, 410)
    whole = CacheState(frozenset(), frozenset({LARGE.etag, SMALL.etag}), {}, 10**12)
    plan = plan_download(model(SMALL, LARGE), FileSelection(), whole)
    assert plan.fetch == ()
    assert not plan.up_to_date, "the links are still to be made"


def test_a_plan_leaves_some_room_on_the_disk() -> None:
    for free, fits in ((1010 + RESERVE_BYTES, True), (1009 + RESERVE_BYTES, False)):
        plan = plan_download(model(SMALL, LARGE), FileSelection(), CacheState(frozenset(), frozenset(), {}, free))
        if fits:
            plan.require_space()
        else:
            with pytest.raises(DiskFull, match=r"1,010"):
                plan.require_space()


def test_a_plan_that_fetches_nothing_needs_no_room() -> None:
    state = CacheState(frozenset({"config.json"}), frozenset(), {}, 0)
    plan_download(model(SMALL), FileSelection(), state).require_space()


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ((), (), {"a.json", "sub/a.json", "b.bin"}),
        (("*.json",), (), {"a.json", "sub/a.json"}),
        (("sub/",), (), {"sub/a.json"}),
        ((), ("*.json",), {"b.bin"}),
        (("*.json",), ("sub/*",), {"a.json"}),
        (("A.JSON",), (), set()),
    ],
)
def test_globs_choose_as_the_hubs_own_tools_do(
    include: tuple[str, ...], exclude: tuple[str, ...], taken: set[str]
) -> None:
    from huggingface_hub.utils import filter_repo_objects

    names = ["a.json", "sub/a.json", "b.bin"]
    selection = FileSelection(include, exclude)
    assert {name for name in names if selection.takes(name)} == taken
    theirs = filter_repo_objects(names, allow_patterns=list(include) or None, ignore_patterns=list(exclude) or None)
    assert set(theirs) == taken


def test_globs_that_leave_nothing_are_named() -> None:
    with pytest.raises(InvalidRequest, match="--include x --exclude y"):
        plan_download(model(SMALL), FileSelection(("x",), ("y",)), NOTHING)


@pytest.mark.parametrize(
    "wrong",
    [
        model(SMALL, commit="../../etc"),
        model(SMALL, commit="A" * 40),
        model(RemoteFile("x", 1, "../x")),
        model(RemoteFile("x", 1, "1" * 40, "short")),
        model(RemoteFile("x", 1, "1" * 40, "")),
        model(RemoteFile("x", -1, "1" * 40)),
        model(RemoteFile("../x", 1, "1" * 40)),
        model(SMALL, SMALL),
    ],
)
def test_an_answer_that_is_not_safe_to_write_is_refused(wrong: RemoteModel) -> None:
    with pytest.raises(DownloadRefused, match="nothing was written"):
        plan_download(wrong, FileSelection(), NOTHING)


@given(st.text(max_size=30))
def test_a_name_that_is_taken_stays_below_its_folder(name: str) -> None:
    from pathlib import PurePosixPath

    if file_name_problem(name) is None:
        path = PurePosixPath("/root") / name
        assert path.is_relative_to("/root")
        assert path != PurePosixPath("/root")
        assert ".." not in path.parts


def test_names_that_cannot_be_together_are_found() -> None:
    assert names_problem(["a/b", "c"]) is None
    assert names_problem(["a", "a/b"]) == ("a/b", "it lies below another file")
    assert names_problem(["a", "a"]) == ("a", "it is there twice")
    assert names_problem(["x" * 256]) is not None
