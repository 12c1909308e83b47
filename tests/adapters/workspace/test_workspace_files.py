"""Workspaces on a real disk: the golden digest, clean and modified and unknown, self-heal, deep hash."""

from __future__ import annotations

import json
import os
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.workspace_files.local import LocalWorkspaceFiles
from application.workspace.check_workspace import CheckWorkspace, WorkspaceState
from application.workspace.recalculate_hash import RecalculateHash
from domain.errors import InvalidRequest, ModelUnhealthy
from domain.workspace.cleanliness import Cleanliness
from domain.workspace.sentinel import SENTINEL, Sentinel

NOW = datetime(2026, 4, 20, 10, 30, tzinfo=UTC)
HEADER = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
# Computed apart from this code, from the recipe alone. A change here makes every existing workspace look modified.
GOLDEN = "sha256:113dd3e6809ebe641fa55043bd74c33e0a504f8f2682bc07a2a4e25442c48c44"


def known_tree(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}\n')
    (folder / "model.safetensors").write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + b"\1\2\3\4")
    (folder / "sub").mkdir()
    (folder / "sub" / "notes.txt").write_text("hello\n")
    (folder / unicodedata.normalize("NFD", "caf\u00e9.txt")).write_text("\u00e9\n", encoding="utf-8")
    (folder / "empty.txt").touch()
    (folder / "alias.json").symlink_to("config.json")
    for junk in (".git/HEAD", "__pycache__/a.pyc", ".hf_cache/x", "a.tmp", ".DS_Store", "run.log"):
        (folder / junk).parent.mkdir(exist_ok=True)
        (folder / junk).write_text("junk")
    sentinel = Sentinel.new(version="3", operation="clone", now=NOW, source_repo="org/m", source_revision="a" * 40)
    LocalWorkspaceFiles().write_sentinel(folder, sentinel)
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = known_tree(tmp_path / "ws")
    recalculate(folder)
    return folder


def recalculate(folder: Path, *, deep: bool = False) -> str:
    return RecalculateHash(LocalWorkspaceFiles(), lambda: NOW).execute(folder, deep=deep).content_hash


def state(folder: Path) -> WorkspaceState:
    found = CheckWorkspace(LocalWorkspaceFiles()).execute(folder)
    assert found is not None
    return found


def sentinel_of(folder: Path) -> dict[str, object]:
    values = json.loads((folder / SENTINEL).read_text())
    assert isinstance(values, dict)
    return values


def test_the_digest_of_the_known_tree_never_changes(tmp_path: Path) -> None:
    folder = known_tree(tmp_path / "ws")
    assert recalculate(folder) == GOLDEN
    assert sentinel_of(folder)["content_hash"] == GOLDEN
    assert [each["path"] for each in sentinel_of(folder)["file_index"]] == [  # type: ignore[attr-defined]
        "alias.json", "caf\u00e9.txt", "config.json", "empty.txt", "model.safetensors", "sub/notes.txt",
    ]  # fmt: skip


def test_a_fresh_workspace_is_clean_and_says_where_it_comes_from(workspace: Path) -> None:
    assert state(workspace) == WorkspaceState(Cleanliness.CLEAN, GOLDEN, "2026-04-20T10:30:00Z", "org/m")


def test_junk_does_not_make_it_modified(workspace: Path) -> None:
    (workspace / ".git" / "index").write_text("more")
    (workspace / "other.tmp").write_text("more")
    assert state(workspace).cleanliness is Cleanliness.CLEAN


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda ws: (ws / "config.json").write_text('{"model_type": "qwen3"}\n'), "config.json"),
        (lambda ws: (ws / "config.json").write_text("{}"), "config.json"),
        (lambda ws: (ws / "new.json").write_text("{}"), "new.json"),
        (lambda ws: (ws / "sub" / "notes.txt").unlink(), "sub/notes.txt"),
        (lambda ws: ((ws / "alias.json").unlink(), (ws / "alias.json").symlink_to("empty.txt")), "alias.json"),
    ],
)
def test_an_edit_makes_it_modified_and_shows_the_present_hash(workspace: Path, change: object, path: str) -> None:
    change(workspace)  # type: ignore[operator]
    changed = state(workspace)
    assert changed.cleanliness is Cleanliness.MODIFIED
    assert changed.changed == (path,)
    assert changed.content_hash not in (GOLDEN, None)
    assert changed.content_hash == recalculate(workspace)
    assert state(workspace).cleanliness is Cleanliness.CLEAN


def test_edited_tensors_under_the_same_header_show_only_in_the_deep_hash(workspace: Path) -> None:
    recalculate(workspace, deep=True)
    use_case = RecalculateHash(LocalWorkspaceFiles(), lambda: NOW)
    assert use_case.deep_hash(workspace).clean is True
    (workspace / "model.safetensors").write_bytes(len(HEADER).to_bytes(8, "little") + HEADER + b"\4\3\2\1")
    assert state(workspace).cleanliness is Cleanliness.CLEAN
    assert use_case.deep_hash(workspace).clean is False


def test_without_a_stored_deep_hash_there_is_nothing_to_compare(workspace: Path) -> None:
    before = (workspace / SENTINEL).read_bytes()
    assert RecalculateHash(LocalWorkspaceFiles(), lambda: NOW).deep_hash(workspace).clean is None
    assert (workspace / SENTINEL).read_bytes() == before


def test_a_changed_content_forgets_the_deep_hash_of_the_old_one(workspace: Path) -> None:
    recalculate(workspace, deep=True)
    (workspace / "config.json").write_text("{}")
    recalculate(workspace)
    assert sentinel_of(workspace)["deep_hash"] is None


def test_a_mere_touch_is_healed_without_a_word(workspace: Path) -> None:
    os.utime(workspace / "config.json", ns=(5, 5))
    assert state(workspace).cleanliness is Cleanliness.CLEAN
    healed = sentinel_of(workspace)
    assert {each["path"]: each["mtime_ns"] for each in healed["file_index"]}["config.json"] == 5  # type: ignore[attr-defined]
    assert healed["hash_modified"] == "2026-04-20T10:30:00Z"
    before = (workspace / SENTINEL).stat().st_mtime_ns
    assert state(workspace).cleanliness is Cleanliness.CLEAN
    assert (workspace / SENTINEL).stat().st_mtime_ns == before


def test_a_sentinel_without_v2_is_unknown_and_says_the_way_out(workspace: Path) -> None:
    values = sentinel_of(workspace)
    values["hash_algorithm"] = "v1"
    (workspace / SENTINEL).write_text(json.dumps(values))
    found = state(workspace)
    assert found.cleanliness is Cleanliness.UNKNOWN
    assert found.content_hash == GOLDEN
    assert "--recalc-hash" in (found.hint or "")


def test_a_hostile_index_is_unknown_and_opens_nothing_outside(workspace: Path) -> None:
    values = sentinel_of(workspace)
    values["file_index"] = [{"path": "../secret", "size": 1, "mtime_ns": 1, "sha": GOLDEN}]
    (workspace / SENTINEL).write_text(json.dumps(values))
    assert state(workspace).cleanliness is Cleanliness.UNKNOWN


@pytest.mark.parametrize("content", ["", "[]", "{", '{"managed": false}', '{"managed": "yes"}', "\xff"])
def test_a_folder_without_a_sound_sentinel_is_not_managed(workspace: Path, content: str) -> None:
    (workspace / SENTINEL).write_text(content, encoding="latin-1")
    assert CheckWorkspace(LocalWorkspaceFiles()).execute(workspace) is None
    with pytest.raises(InvalidRequest):
        recalculate(workspace)


@pytest.mark.parametrize("target", ["../outside", "/etc/hostname", "loop"])
def test_a_link_out_of_the_workspace_refuses_the_hash(workspace: Path, target: str) -> None:
    (workspace / "loop").symlink_to(target)
    with pytest.raises(ModelUnhealthy, match="loop"):
        recalculate(workspace)
    found = state(workspace)
    assert (found.cleanliness, found.content_hash) == (Cleanliness.MODIFIED, None)


def test_a_broken_weight_header_refuses_the_hash_and_keeps_the_sentinel(workspace: Path) -> None:
    before = (workspace / SENTINEL).read_bytes()
    (workspace / "model.safetensors").write_bytes(bytes(20))
    with pytest.raises(ModelUnhealthy, match=r"model\.safetensors"):
        recalculate(workspace)
    assert (workspace / SENTINEL).read_bytes() == before


def test_the_frozen_excludes_stay_in_force(workspace: Path) -> None:
    values = sentinel_of(workspace)
    values["exclude_patterns"] = [SENTINEL]
    (workspace / SENTINEL).write_text(json.dumps(values))
    assert state(workspace).cleanliness is Cleanliness.MODIFIED, "the junk counts now"
    recalculate(workspace)
    assert sentinel_of(workspace)["exclude_patterns"] == [SENTINEL]
    assert "a.tmp" in json.dumps(sentinel_of(workspace)["file_index"])
    assert state(workspace).cleanliness is Cleanliness.CLEAN


def test_a_sentinel_is_replaced_in_one_step(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (workspace / SENTINEL).read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Exception, match="No space left") as caught:
        recalculate(workspace)
    assert type(caught.value).__name__ == "DiskFull"
    monkeypatch.undo()
    assert (workspace / SENTINEL).read_bytes() == before
    assert not list(workspace.glob(".*.tmp"))


def test_a_folder_that_cannot_be_written_is_still_clean(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(workspace / "config.json", ns=(5, 5))

    def refuse(descriptor: int) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", refuse)
    assert state(workspace).cleanliness is Cleanliness.CLEAN
