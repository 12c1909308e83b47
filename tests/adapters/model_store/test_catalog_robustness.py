"""Stores on disks that are spoilt, half written or closed to the reader: every other model stays in sight."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.model_store import folder_scan
from adapters.model_store.front_matter import MAX_README_BYTES, USUAL_README_BYTES, read_readme
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import DOWNLOADS, WorkspaceStore
from domain.catalog.health import judge_health
from domain.catalog.model_ref import ModelRef
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import CacheBuilder, add_workspace, revision_of

FILES = text_model()
NOBODY = 65534


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of a user for whom permissions count; root reads everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid():
            yield folder
        else:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
            try:
                yield folder
            finally:
                os.seteuid(0)
        for path in [each for each in folder.rglob("*") if each.is_dir() and not each.is_symlink()]:
            path.chmod(0o700)


def reason(store: HfCacheStore | WorkspaceStore, name: str) -> str:
    location = store.locate(name)
    assert location is not None
    return judge_health(store.read(location)).reason


def loop(path: Path) -> None:
    path.symlink_to(path)


def test_a_link_loop_hides_no_other_model(tmp_path: Path) -> None:
    cache = CacheBuilder(tmp_path / "hub")
    names = [f"org/{letter}" for letter in "abcdefgh"]  # so many that no order of the folder brings all loops last
    for number, name in enumerate(names):
        cache.folder(name).mkdir(parents=True)
        loop(cache.root / f"models--org--loop{number}")
    assert sorted(HfCacheStore(cache.root).names()) == names


def test_a_link_loop_hides_no_other_snapshot(tmp_path: Path) -> None:
    cache = CacheBuilder(tmp_path)
    snapshot = cache.add("org/a", FILES, refs=())
    loop(snapshot.parent / ("0" * 40))
    store = HfCacheStore(tmp_path)
    assert [each.revision for each in store.snapshots("org/a")] == [revision_of("org/a")]
    assert reason(store, "org/a") == "Model is healthy"


def test_a_link_loop_hides_no_other_workspace(tmp_path: Path) -> None:
    for letter in "abcdefgh":
        add_workspace(tmp_path / letter, {"config.json": "{}"})
        loop(tmp_path / f"loop{letter}")
    assert sorted(WorkspaceStore(tmp_path).names()) == list("abcdefgh")


def test_a_link_into_a_closed_folder_hides_no_other_model(unprivileged: Path) -> None:
    cache = CacheBuilder(unprivileged / "hub")
    cache.add("org/a", FILES)
    (unprivileged / "closed" / "model").mkdir(parents=True)
    (cache.root / "models--org--b").symlink_to(unprivileged / "closed" / "model")
    (unprivileged / "closed").chmod(0)
    assert HfCacheStore(cache.root).names() == ["org/a"]


class NamelessKind:
    """An entry of a filesystem that does not tell its kind, and then fails to."""

    def __init__(self, entry: os.DirEntry[str]) -> None:
        self.name, self.stat = entry.name, entry.stat
        self._entry = entry

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        if self.name == "config.json":
            raise OSError(5, "Input/output error")
        return self._entry.is_dir(follow_symlinks=follow_symlinks)


def test_an_entry_whose_kind_cannot_be_told_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_workspace(tmp_path / "mine", {**FILES, "below/notes.txt": "x"})
    expected = folder_scan.scan_folder(str(tmp_path / "mine")).files

    class Scan:
        def __init__(self, path: str) -> None:
            self._real = scandir(path)

        def __enter__(self) -> Iterator[NamelessKind]:
            return map(NamelessKind, self._real)

        def __exit__(self, *_: object) -> None:
            self._real.close()

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", Scan)
    assert folder_scan.scan_folder(str(tmp_path / "mine")).files == expected


@pytest.mark.parametrize("name", ["main", "abc123", "A" * 40, "g" * 40, "a" * 41])
def test_a_folder_that_no_commit_names_is_no_snapshot(tmp_path: Path, name: str) -> None:
    cache = CacheBuilder(tmp_path)
    cache.add("org/a", FILES, revision=name)
    store = HfCacheStore(tmp_path)
    (located,) = store.locate_all()
    assert located.revision is None
    assert store.locate("org/a") == located
    assert store.locate("org/a", name) is None
    assert store.snapshots("org/a") == ()
    assert reason(store, "org/a") == "No snapshots found"


def test_long_front_matter_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\nmodel-index:\n{'- x: 1' * USUAL_README_BYTES}\ntags: [mlx]\n---\n", encoding="utf-8")
    facts, complaint = read_readme(str(path))
    assert (facts.tags, complaint) == (("mlx",), None)


def test_front_matter_beyond_measure_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"---\ntags: [mlx]\n# {'x' * MAX_README_BYTES}\n---\n", encoding="utf-8")
    facts, complaint = read_readme(str(path))
    assert facts.tags == ()
    assert complaint == "README.md: front matter is not closed in its first 1,048,576 bytes"


def test_a_long_card_that_begins_with_a_rule_is_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("---\n\n# Title\n" + "word " * MAX_README_BYTES, encoding="utf-8")
    assert read_readme(str(path))[1] is None


@pytest.mark.parametrize(
    ("closed", "said"),
    [
        (".", "Snapshots directory unreadable: Permission denied"),
        ("snapshots", "Snapshots directory unreadable: Permission denied"),
        (
            f"snapshots/{revision_of('org/a')}",
            "Model folder unreadable: the folder cannot be read: Permission denied",
        ),
    ],
)
def test_a_closed_folder_is_unreadable_not_missing(unprivileged: Path, closed: str, said: str) -> None:
    cache = CacheBuilder(unprivileged)
    cache.add("org/a", FILES)
    (cache.folder("org/a") / closed).chmod(0)
    assert reason(HfCacheStore(unprivileged), "org/a") == said


def test_a_closed_workspace_is_unreadable_when_it_is_named(unprivileged: Path) -> None:
    folder = add_workspace(unprivileged / "mine", FILES)
    folder.chmod(0)
    store = WorkspaceStore(unprivileged)
    location = store.locate_path(ModelRef.parse(str(folder)))
    assert location is not None
    assert judge_health(store.read(location)).reason.startswith("Model folder unreadable")
    assert [each.path for each in store.locate_pattern(str(folder))] == [location.path]
    assert store.names() == []


def test_half_a_download_into_a_workspace_is_told_as_one(tmp_path: Path) -> None:
    files = {name: content for name, content in FILES.items() if not name.endswith(".safetensors")}
    folder = add_workspace(tmp_path / "mine", files)
    store = WorkspaceStore(tmp_path)
    assert reason(store, "mine") == "No model weights found"
    (location,) = store.locate_all()
    before = store.listing(location).fingerprint
    part = folder / DOWNLOADS / "sub" / "abc=.0123abcd.incomplete"
    part.parent.mkdir(parents=True)
    during = store.listing(location).fingerprint
    part.write_bytes(b"half a file")
    assert reason(store, "mine") == "Incomplete download: No model weights found"
    assert len({before, during, store.listing(location).fingerprint}) == 3
