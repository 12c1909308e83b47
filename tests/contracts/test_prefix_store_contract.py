"""The contract of PrefixStore: folders of the disk tier, and the fake."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.inference.prefix_cache import folders
from adapters.inference.prefix_cache.disk import open_disk
from adapters.inference.prefix_cache.stored import FolderPrefixStore
from domain.errors import AccessDenied
from ports.prefix_store import PrefixStore
from tests.support.fakes.prefix_store import FakePrefixStore, prompts_of
from tests.support.prefix_pieces import chain

LENGTHS = (256, 44)
USED_NS = 1_700_000_000_000_000_000
Maker = Callable[[Path, tuple[str, ...]], PrefixStore]


def on_disk(place: Path, models: tuple[str, ...]) -> PrefixStore:
    for number, model in enumerate(models):
        about = {"model": model, "source": "cache", "revision": "a" * 40}
        disk = open_disk(place, bytes([number]) * 32, about, 1 << 30)
        assert disk is not None
        for record in chain(number, LENGTHS):
            disk.put(record, USED_NS, wait=True)
        disk.close()
    return FolderPrefixStore(place)


def faked(place: Path, models: tuple[str, ...]) -> PrefixStore:
    return FakePrefixStore(*(prompts_of(model, tokens=sum(LENGTHS)) for model in models))


MAKERS: dict[str, Maker] = {"folders": on_disk, "fake": faked}


@pytest.fixture(params=MAKERS)
def made(request: pytest.FixtureRequest) -> Maker:
    return MAKERS[request.param]


def test_where_nothing_was_remembered_nothing_is_stored(made: Maker, tmp_path: Path) -> None:
    store = made(tmp_path / "nowhere", ())
    assert list(store.stored()) == []
    assert store.clear([]) == 0
    assert not (tmp_path / "nowhere").exists()


def test_each_model_is_described_by_name(made: Maker, tmp_path: Path) -> None:
    stored = made(tmp_path, ("org/b", "org/a")).stored()
    assert [each.model for each in stored] == ["org/a", "org/b"]
    for each in stored:
        assert (each.source, each.pieces, each.tokens, each.in_use) == ("cache", 2, 300, False)
        assert each.size_bytes > 0
        assert each.last_used is not None
        assert each.last_used.tzinfo is UTC


def test_what_is_cleared_is_gone_and_the_rest_stays(made: Maker, tmp_path: Path) -> None:
    store = made(tmp_path, ("org/a", "org/b", "org/c"))
    first, second, third = store.stored()
    assert store.clear([first, third]) == first.size_bytes + third.size_bytes
    assert [each.model for each in store.stored()] == ["org/b"]
    assert store.clear([first]) == 0
    assert store.clear([second]) == second.size_bytes
    assert list(store.stored()) == []


def test_cleared_folders_leave_nothing(tmp_path: Path) -> None:
    store = on_disk(tmp_path, ("org/a",))
    store.clear(store.stored())
    assert [path.name for path in tmp_path.iterdir()] == [folders.BUDGET_LOCK]


def test_a_folder_in_use_says_so_and_keeps_its_lock(tmp_path: Path) -> None:
    store = on_disk(tmp_path, ("org/a",))
    owner = open_disk(tmp_path, bytes(32), {"model": "org/a", "source": "cache", "revision": "a" * 40}, 1 << 30)
    assert owner is not None
    (stored,) = store.stored()
    assert stored.in_use
    store.clear([stored])
    assert owner.wiped_by_others()
    assert open_disk(tmp_path, bytes(32), {}, 1 << 30) is None, "the owner still owns it"
    owner.close()


def test_the_last_use_is_that_of_the_files(tmp_path: Path) -> None:
    (stored,) = on_disk(tmp_path, ("org/a",)).stored()
    assert stored.last_used == datetime.fromtimestamp(USED_NS / 1e9, UTC)


def test_looking_changes_nothing(tmp_path: Path) -> None:
    store = on_disk(tmp_path, ("org/a",))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    store.stored()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_folder_that_does_not_say_whose_it_is_can_be_cleared(tmp_path: Path) -> None:
    store = on_disk(tmp_path, ("org/a",))
    (folder,) = folders.model_folders(tmp_path)
    (folder / folders.ABOUT).write_text("[", encoding="utf-8")
    (stored,) = store.stored()
    assert (stored.model, stored.revision, stored.tokens) == ("", None, 300)
    assert store.clear([stored]) > 0


def test_links_and_foreign_folders_are_passed_over(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    on_disk(elsewhere, ("org/a",))
    place = tmp_path / "prompts"
    place.mkdir()
    (real,) = folders.model_folders(elsewhere)
    (place / real.name).symlink_to(real)
    (place / "notes").mkdir()
    assert list(FolderPrefixStore(place).stored()) == []


def test_a_folder_that_may_not_be_changed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = on_disk(tmp_path, ("org/a",))

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(AccessDenied, match=r"about\.json cannot be deleted"):
        store.clear(store.stored())
