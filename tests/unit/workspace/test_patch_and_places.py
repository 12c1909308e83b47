"""Changes that are shown, kept and taken back; and where a workspace may lie."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from domain.errors import InvalidRequest
from domain.workspace.patch import SHOWN_LINES, FileChange, PatchRecord, merged
from domain.workspace.places import WorkspacePlaces

CHANGE = FileChange("a.json", b"one\ntwo", b"one\n3")


def test_a_change_is_shown_as_a_diff_and_can_be_turned_round() -> None:
    assert CHANGE.lines() == ("--- a/a.json", "+++ b/a.json", "@@ -1,2 +1,2 @@", " one", "-two", "+3")
    assert CHANGE.reversed == FileChange("a.json", b"one\n3", b"one\ntwo")
    assert FileChange("a", None, b"x").lines()[2:] == ("@@ -0,0 +1 @@", "+x")
    assert FileChange("a", b"\xff", None).lines()[-1] == "-\ufffd"


def lines(count: int) -> bytes:
    return "\n".join(map(str, range(count))).encode()


def test_of_a_long_diff_the_middle_is_left_out() -> None:
    heads = 3
    whole = FileChange("a", None, lines(SHOWN_LINES - heads)).lines()
    assert len(whole) == SHOWN_LINES
    assert not [line for line in whole if line.startswith("...")]
    cut = FileChange("a", None, lines(SHOWN_LINES - heads + 5)).lines()
    half = SHOWN_LINES // 2
    assert len(cut) == SHOWN_LINES + 1
    assert cut[half] == "... 5 more lines ..."
    assert cut[half - 1] == f"+{half - heads - 1}"
    assert (cut[half + 1], cut[-1]) == (f"+{half - heads + 5}", f"+{SHOWN_LINES - heads + 4}")


def test_a_long_line_is_cut() -> None:
    assert FileChange("a", None, b"x" * 600).lines()[-1] == "+" + "x" * 499


def test_changes_of_one_file_become_one_from_the_first_to_the_last() -> None:
    first, second = FileChange("a", b"1", b"2"), FileChange("a", b"2", b"3")
    other, there_and_back = FileChange("b", None, b"x"), FileChange("a", b"3", b"1")
    assert merged([first, other, second]) == (FileChange("a", b"1", b"3"), other)
    assert merged([first, second, there_and_back]) == ()


RECORD = PatchRecord((CHANGE, FileChange("b", None, b"\x00\xff")), "2026-01-01T00:00:00Z", rehash=True, done=True)
ENCODED: dict[str, Any] = {
    "version": 1,
    "made": "2026-01-01T00:00:00Z",
    "rehash": True,
    "done": True,
    "changes": [
        {"path": "a.json", "before": "b25lCnR3bw==", "after": "b25lCjM="},
        {"path": "b", "before": None, "after": "AP8="},
    ],
}


def test_a_record_is_written_and_read_back() -> None:
    assert RECORD.encode() == ENCODED
    assert PatchRecord.decode(ENCODED) == RECORD
    open_one = PatchRecord((CHANGE,), "now", rehash=False)
    assert PatchRecord.decode(open_one.encode()) == open_one


@pytest.mark.parametrize(
    "broken",
    [
        {"version": 2},
        {"version": None},
        {"changes": None},
        {"changes": [7]},
        {"changes": [{"path": "a", "before": None}]},
        {"changes": [{"path": "a", "before": "###", "after": None}]},
        {"changes": [{"path": "a", "before": 7, "after": None}]},
        {"changes": [{"path": "../a", "before": None, "after": None}]},
        {"changes": [{"path": "/a", "before": None, "after": None}]},
    ],
)
def test_what_was_not_written_here_is_no_record(broken: dict[str, Any]) -> None:
    assert PatchRecord.decode({**ENCODED, **broken}) is None


def test_only_true_is_true_in_a_record() -> None:
    found = PatchRecord.decode({**ENCODED, "rehash": 1, "done": "yes"})
    assert found is not None
    assert (found.rehash, found.done) == (False, False)


HOME, HERE, USER = PurePosixPath("/home/ws"), PurePosixPath("/here"), PurePosixPath("/home/me")
PLACES = WorkspacePlaces(HOME, HERE, USER, (PurePosixPath("/cache/hub"),))
HOMELESS = WorkspacePlaces(None, HERE, USER)


@pytest.mark.parametrize(
    ("places", "text", "path"),
    [
        (PLACES, "mine", "/home/ws/mine"),
        (HOMELESS, "mine", "/here/mine"),
        (PLACES, "./mine", "/here/mine"),
        (PLACES, "sub/mine", "/here/sub/mine"),
        (PLACES, "..", "/here/.."),
        (PLACES, "~", "/home/me"),
        (PLACES, "~/mine", "/home/me/mine"),
        (PLACES, "~mine", "/home/ws/~mine"),
        (PLACES, "/abs", "/abs"),
    ],
)
def test_a_folder_is_where_its_spelling_says(places: WorkspacePlaces, text: str, path: str) -> None:
    assert places.path_of(text) == PurePosixPath(path)


@pytest.mark.parametrize("text", ["", "a\0b"])
def test_a_folder_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PLACES.path_of(text)
    assert (caught.value.message, caught.value.hint, caught.value.param) == (
        "a folder's name is empty or holds a NUL", "name a folder", "target",
    )  # fmt: skip


def test_a_clone_goes_where_it_is_told_or_home_under_its_short_name() -> None:
    assert PLACES.clone_target("org/Model", None) == HOME / "Model"
    assert PLACES.clone_target("org/Model", "./x") == HERE / "x"
    assert HOMELESS.clone_target("org/Model", "x") == HERE / "x"


def test_a_clone_without_a_place_is_refused_with_both_ways_out() -> None:
    with pytest.raises(InvalidRequest) as caught:
        HOMELESS.clone_target("org/Model", None)
    assert caught.value.message == ("where shall the clone of org/Model go? There is no target and no workspace home")
    assert caught.value.hint == "name a target folder, or set MLXK_WORKSPACE_HOME"
    assert caught.value.param == "target"


@pytest.mark.parametrize("folder", ["/cache/hub", "/cache/hub/a/b", "/elsewhere/models--org--a/snapshots"])
@pytest.mark.parametrize("what", ["target", "source"])
def test_a_cache_is_no_place_for_a_workspace(folder: str, what: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        PLACES.require_outside_caches(PurePosixPath(folder), what)
    assert caught.value.message == f"{folder} lies inside a model cache; a cache is never the {what} of this command"
    assert caught.value.hint == "use a folder of your own: `mlxk clone` makes one from a cached model"
    assert caught.value.param == what


@pytest.mark.parametrize("folder", ["/cache", "/cache/hub2", "/a/my-models--x"])
def test_beside_a_cache_is_a_place(folder: str) -> None:
    PLACES.require_outside_caches(PurePosixPath(folder), "target")
