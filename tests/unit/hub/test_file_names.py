"""Names of files that come from a hub, and why some cannot be written."""

from __future__ import annotations

import pytest

from domain.errors import DownloadRefused
from domain.hub.file_names import file_name_problem, is_blob_name, names_problem
from domain.hub.remote_model import MAX_FILE_BYTES, RemoteFile, RemoteModel

COMMIT, SHA256 = "a" * 40, "b" * 64


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "it is empty"),
        ("/".join(["a" * 63] * 17), "it has more than 1024 characters"),
        ("a\nb", "it holds control characters"),
        ("a\x7f", "it holds control characters"),
        ("/a", "it is an absolute path"),
        ("C:a", "it is an absolute path"),
        ("a\\b", "it holds a backslash"),
        ("a/../b", "it leaves its folder"),
        ("..", "it leaves its folder"),
        ("a//b", "a part of it is empty or '.'"),
        ("a/", "a part of it is empty or '.'"),
        ("./a", "a part of it is empty or '.'"),
        ("a" * 256, "a part of it has more than 255 bytes"),
        ("\u00e4" * 128, "a part of it has more than 255 bytes"),
        ("\ud800" * 86, "a part of it has more than 255 bytes"),
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused_with_the_reason(path: str, problem: str) -> None:
    assert file_name_problem(path) == problem


@pytest.mark.parametrize(
    "path", ["a", "a b/c", "...", "a/.b", "a" * 255, "\ud800" * 85, "/".join(["a" * 63] * 16), "1:a", "a..b"]
)
def test_other_names_may_be_written(path: str) -> None:
    assert file_name_problem(path) is None


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        (["a", "b/c"], None),
        (["a", "../b", ".."], ("../b", "it leaves its folder")),
        (["a", "b", "a"], ("a", "it is there twice")),
        (["a/b/c", "a"], ("a/b/c", "it lies below another file")),
        (["a/b/c", "a/b"], ("a/b/c", "it lies below another file")),
        (["a/b", "ab"], None),
    ],
)
def test_names_must_be_possible_together(paths: list[str], problem: tuple[str, str] | None) -> None:
    assert names_problem(paths) == problem


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(COMMIT, True), (SHA256, True), ("a" * 41, False), ("A" * 40, False), ("g" * 40, False), ("", False)],
)
def test_a_blob_is_named_by_a_hash(text: str, is_one: bool) -> None:
    assert is_blob_name(text) is is_one


def model(*files: RemoteFile, commit: str = COMMIT) -> RemoteModel:
    return RemoteModel("org/a", "main", commit, files)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (model(commit="main" * 25), f"the hub names no commit but {('main' * 25)[:80]!r}"),
        (model(RemoteFile("../a", 1, COMMIT)), "the hub lists a file '../a': it leaves its folder"),
        (
            model(RemoteFile("/" + "a" * 200, 1, COMMIT)),
            f"the hub lists a file {'/' + 'a' * 119!r}: it is an absolute path",
        ),
        (model(RemoteFile("a", 1, "../x")), "the hub's hash or size of 'a' makes no sense"),
        (model(RemoteFile("a", 1, COMMIT, COMMIT)), "the hub's hash or size of 'a' makes no sense"),
        (model(RemoteFile("a", -1, COMMIT)), "the hub's hash or size of 'a' makes no sense"),
        (model(RemoteFile("a", MAX_FILE_BYTES + 1, COMMIT)), "the hub's hash or size of 'a' makes no sense"),
    ],
)
def test_a_hostile_listing_is_refused_before_anything_is_written(found: RemoteModel, words: str) -> None:
    with pytest.raises(DownloadRefused) as caught:
        found.require_safe()
    assert caught.value.message == f"org/a: {words}; nothing was written"
    assert caught.value.hint == "do not use this model before its owner has mended it"


def test_a_sound_listing_is_taken() -> None:
    model(RemoteFile("a", 0, COMMIT), RemoteFile("b/c", MAX_FILE_BYTES, "x", SHA256)).require_safe()
