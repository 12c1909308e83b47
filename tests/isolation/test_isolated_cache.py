"""A test's cache: made whole or not at all, and deleted only when everything about it says that it is one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.model_store.hf_cache import HfCacheStore
from tests.plugins.isolation import cache_in
from tests.support import isolated_cache as caches
from tests.support.first_use import FirstUse
from tests.support.isolated_cache import SENTINEL, SIGNATURE, IsolatedCache, NotOurCache


@pytest.fixture
def cache(tmp_path: Path) -> IsolatedCache:
    return caches.made_in(tmp_path)


def rewrite(cache: IsolatedCache, **changes: object) -> None:
    file = cache.home / SIGNATURE
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_new_cache_has_mark_signature_and_sentinel(cache: IsolatedCache) -> None:
    signature = json.loads((cache.home / SIGNATURE).read_text())
    assert "mlxk2_test_" in cache.home.name
    assert signature["magic"] == "MLXK2_ISOLATED_TEST_CACHE_V1"
    assert set(signature) == {"magic", "uuid", "path_hash", "created_at"}
    (config,) = (cache.hub / "models--TEST-CACHE-SENTINEL--mlxk2-safety-check").rglob("config.json")
    assert json.loads(config.read_text()) == {"model_type": "test_sentinel", "test_cache": True}
    caches.verify(cache)


def test_the_sentinel_is_no_model_to_mlxk(cache: IsolatedCache) -> None:
    assert list(HfCacheStore(cache.hub).names()) == []


@pytest.mark.parametrize("step", ["write_text", "mkdir", "rename"])
def test_when_making_it_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    real = getattr(Path, step)

    def fail(self: Path, *arguments: object, **options: object) -> object:
        if step == "mkdir" and self.name.startswith(".unfinished"):
            return real(self, *arguments, **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(OSError, match="No space left"):
        caches.made_in(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_never_appears_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, seen = caches.name_one(tmp_path), []
    real = Path.write_text

    def watching(self: Path, *arguments: object, **options: object) -> int:
        seen.append(cache.home.exists())
        return real(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "write_text", watching)
    caches.make(cache)
    assert (seen, cache.home.exists()) == ([False, False], True)


def test_it_is_deleted_with_all_that_is_in_it_and_nothing_else(cache: IsolatedCache, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").touch()
    (cache.hub / "link").symlink_to(tmp_path / "outside")
    closed = cache.hub / "closed"
    closed.mkdir()
    (closed / "file").touch()
    closed.chmod(0)
    caches.delete(cache)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "outside"]
    assert (tmp_path / "outside" / "file").exists()


def no_sentinel(cache: IsolatedCache) -> IsolatedCache:
    shutil.rmtree(cache.hub / SENTINEL)
    return cache


def another_sentinel(cache: IsolatedCache) -> IsolatedCache:
    (config,) = (cache.hub / SENTINEL).rglob("config.json")
    config.write_text('{"model_type": "llama"}')
    return cache


def no_mark(cache: IsolatedCache) -> IsolatedCache:
    home = cache.home.rename(cache.home.parent / "huggingface")
    moved = IsolatedCache(home, cache.identity)
    rewrite(moved, path_hash=caches.path_hash(home))
    return moved


def wrong_magic(cache: IsolatedCache) -> IsolatedCache:
    rewrite(cache, magic="MLXK2_ISOLATED_TEST_CACHE_V0")
    return cache


def wrong_uuid(cache: IsolatedCache) -> IsolatedCache:
    return IsolatedCache(cache.home, "0" * 32)


def moved(cache: IsolatedCache) -> IsolatedCache:
    return IsolatedCache(cache.home.rename(cache.home.with_name("mlxk2_test_elsewhere")), cache.identity)


def no_signature(cache: IsolatedCache) -> IsolatedCache:
    (cache.home / SIGNATURE).unlink()
    return cache


def broken_signature(cache: IsolatedCache) -> IsolatedCache:
    (cache.home / SIGNATURE).write_text('["MLXK2_ISOLATED_TEST_CACHE_V1"]')
    return cache


def linked_signature(cache: IsolatedCache) -> IsolatedCache:
    file = cache.home / SIGNATURE
    file.rename(cache.home / "elsewhere")
    file.symlink_to("elsewhere")
    return cache


def a_link(cache: IsolatedCache) -> IsolatedCache:
    real = cache.home.rename(cache.home.with_name("real"))
    cache.home.symlink_to(real)
    return cache


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_sentinel, "no sentinel model"),
        (another_sentinel, "no sentinel model"),
        (no_mark, "no mlxk2_test_ in its name"),
        (wrong_magic, "has the magic"),
        (wrong_uuid, "is another cache"),
        (moved, "was made somewhere else"),
        (no_signature, "no readable signature"),
        (broken_signature, "no readable signature"),
        (linked_signature, "no readable signature"),
        (a_link, "no folder, or a link"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_what_is_not_surely_ours_is_not_deleted(
    cache: IsolatedCache, tmp_path: Path, spoil: Callable[[IsolatedCache], IsolatedCache], reason: str
) -> None:
    spoiled = spoil(cache)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(NotOurCache, match=reason):
        caches.delete(spoiled)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotOurCache, match="is not there"):
        caches.delete(caches.name_one(tmp_path))


def test_the_environment_is_what_it_was_when_a_test_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "/users/own")
    monkeypatch.delenv("MLXK2_STRICT_TEST_DELETE")
    with pytest.raises(ZeroDivisionError), cache_in(tmp_path, FirstUse()) as cache:
        assert (os.environ["HF_HOME"], os.environ["MLXK2_STRICT_TEST_DELETE"]) == (str(cache.home), "1")
        raise ZeroDivisionError
    assert (os.environ["HF_HOME"], os.environ.get("MLXK2_STRICT_TEST_DELETE")) == ("/users/own", None)


def test_a_test_that_has_lost_its_cache_to_another_folder_is_told(tmp_path: Path) -> None:
    """What lies there is not deleted."""
    with pytest.raises(NotOurCache), cache_in(tmp_path, FirstUse()) as cache:
        (cache.home / "hub").mkdir(parents=True)
        (cache.home / "hub" / "precious").touch()
    assert (cache.home / "hub" / "precious").exists()


def test_every_test_has_a_cache_and_the_strict_guard(isolated_cache: IsolatedCache) -> None:
    assert os.environ["HF_HOME"] == str(isolated_cache.home)
    assert os.environ["MLXK2_STRICT_TEST_DELETE"] == "1"
    caches.verify(isolated_cache)
