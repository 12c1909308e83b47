"""A Hugging Face cache of one test's own, that can be told from a user's by everything about it.

Its name holds MARK; a signature in it says which cache it is and where it was made; the hub folder holds a sentinel
model. `delete` wants all of them: a folder that lacks one is not ours, whatever its path.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.filesystem.strict import MARK

MAGIC = "MLXK2_ISOLATED_TEST_CACHE_V1"
SIGNATURE = ".mlxk2_test_cache_signature.json"
SENTINEL = "models--TEST-CACHE-SENTINEL--mlxk2-safety-check"
SENTINEL_CONFIG = {"model_type": "test_sentinel", "test_cache": True}
_REVISION = "0" * 40
_UNFINISHED = ".unfinished-"


class NotOurCache(Exception):
    """The folder is not, or no longer surely, the cache that a test made. Nothing was deleted."""


@dataclass(frozen=True, slots=True)
class IsolatedCache:
    """home: what HF_HOME says. identity: the UUID that its signature must hold."""

    home: Path
    identity: str

    @property
    def hub(self) -> Path:
        return self.home / "hub"


def name_one(place: Path) -> IsolatedCache:
    """One that could be made in `place`, a real path. Nothing is there yet."""
    identity = uuid.uuid4().hex
    return IsolatedCache(place / f"{MARK}{identity}", identity)


def make(cache: IsolatedCache) -> None:
    """It appears whole, by a rename; when that fails, nothing is left. The folder above it must exist."""
    unfinished = cache.home.with_name(f"{_UNFINISHED}{cache.home.name}")
    unfinished.mkdir(mode=0o700)
    try:
        _fill(unfinished, cache.home, cache.identity)
        unfinished.rename(cache.home)
    except BaseException:
        shutil.rmtree(unfinished)
        raise


def made_in(place: Path) -> IsolatedCache:
    """A new one in `place`, which must exist."""
    cache = name_one(place.resolve())
    make(cache)
    return cache


def cache_under(folder: Path) -> Path:
    """The HF_HOME of an isolated cache in `folder`, made when there is none yet; it goes when the folder goes."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.glob(f"{MARK}*"))
    return found[0] if found else made_in(folder).home


def _fill(folder: Path, home: Path, identity: str) -> None:
    snapshot = folder / "hub" / SENTINEL / "snapshots" / _REVISION
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(SENTINEL_CONFIG), encoding="utf-8")
    signature = {
        "magic": MAGIC,
        "uuid": identity,
        "path_hash": path_hash(home),
        "created_at": datetime.now(UTC).isoformat(),
    }
    (folder / SIGNATURE).write_text(json.dumps(signature), encoding="utf-8")


def path_hash(home: Path) -> str:
    """Of the folder's real path: a cache that was moved or copied is another one."""
    return hashlib.sha256(str(home.parent.resolve() / home.name).encode("utf-8", "surrogateescape")).hexdigest()


def verify(cache: IsolatedCache) -> None:
    """Raises NotOurCache, saying what does not hold."""
    home = cache.home
    if MARK not in home.name:
        raise NotOurCache(f"{home} has no {MARK} in its name")
    if not stat.S_ISDIR(_lstat(home)):
        raise NotOurCache(f"{home} is no folder, or a link to one")
    told = _signature(home)
    if told.get("magic") != MAGIC:
        raise NotOurCache(f"{home / SIGNATURE} has the magic {told.get('magic')!r}, not {MAGIC!r}")
    if told.get("uuid") != cache.identity:
        raise NotOurCache(f"{home} is another cache: its UUID is {told.get('uuid')!r}, not {cache.identity!r}")
    if told.get("path_hash") != path_hash(home):
        raise NotOurCache(f"{home} was made somewhere else: the path hash in its signature is of another path")
    if _json(home / "hub" / SENTINEL / "snapshots" / _REVISION / "config.json") != SENTINEL_CONFIG:
        raise NotOurCache(f"{home} has no sentinel model {SENTINEL}")


def delete(cache: IsolatedCache) -> None:
    """All of it. Raises NotOurCache when it cannot be proved to be a test's own; nothing is deleted then."""
    verify(cache)
    try:
        shutil.rmtree(cache.home)
    except PermissionError:
        _open_folders(cache.home)
        shutil.rmtree(cache.home)


def _open_folders(folder: Path) -> None:
    """Tests take rights away from folders; without them nothing in there can be deleted."""
    folder.chmod(0o700)
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            _open_folders(each)


def _lstat(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError as fault:
        raise NotOurCache(f"{path} is not there") from fault


def _signature(home: Path) -> Mapping[str, Any]:
    told = _json(home / SIGNATURE)
    if told is None:
        raise NotOurCache(f"{home} has no readable signature {SIGNATURE}")
    return told


def _json(path: Path) -> dict[str, Any] | None:
    """None: there is no such file, or it is a link, or it holds no JSON object."""
    if path.is_symlink():
        return None
    try:
        told = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) else None
