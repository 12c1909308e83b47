"""Staging beside the target: `.mlxk2_temp_<hash>` with a sentinel of its own, without which nothing is deleted."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath

from adapters.workspace_files.whole_files import flush_folder, write_whole
from domain.errors import AccessDenied, Conflict, InvalidRequest, MlxkError
from domain.workspace.disk_faults import disk_error, disk_faults_of
from ports.copying import FileCopier, OnBytes

PREFIX = ".mlxk2_temp_"
AREA_SENTINEL = ".mlxk2_temp_cache_sentinel"


class LocalArea:
    """StagingArea."""

    def __init__(self, root: Path, target: Path) -> None:
        self._root = root
        self._target = target
        self.workspace = root / "workspace"
        self.cache = root / "hub"
        self._part = root / "part"

    @property
    def note(self) -> Mapping[str, object]:
        try:
            value = json.loads((self._root / AREA_SENTINEL).read_bytes())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def holds_downloads(self) -> bool:
        return any(path.is_file() and path.stat().st_size for path in self.cache.rglob("*") if not path.is_symlink())

    def write_note(self, note: Mapping[str, object]) -> None:
        write_whole(self._root / AREA_SENTINEL, json.dumps(dict(note)).encode())

    def prepare(self) -> None:
        """Adopt the folder: the sentinel first, so that a crash from here on leaves something known to be ours."""
        with disk_faults_of(self._root):
            if not (self._root / AREA_SENTINEL).exists():
                write_whole(self._root / AREA_SENTINEL, b"{}")
            self.workspace.mkdir(exist_ok=True)
            self._part.unlink(missing_ok=True)

    def clear(self) -> None:
        with disk_faults_of(self.workspace):
            _remove_tree(self.workspace)
            self.workspace.mkdir()

    def copy(self, source: Path, path: str, copier: FileCopier, progress: OnBytes) -> str:
        place = self._place(path)
        with disk_faults_of(place):
            self._part.unlink(missing_ok=True)
        method = copier.copy(source, self._part, progress)
        with disk_faults_of(place):
            self._part.replace(place)
        return method.value

    def link(self, target: str, path: str) -> None:
        place = self._place(path)
        with disk_faults_of(place):
            if not place.is_symlink():
                place.symlink_to(target)

    def write_json(self, path: str, value: Mapping[str, object] | None) -> None:
        place = self._place(path)
        if value is not None:
            write_whole(place, (json.dumps(dict(value), indent=2) + "\n").encode())
            return
        with disk_faults_of(place):
            place.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        with disk_faults_of(self._root):
            return shutil.disk_usage(self._root).free

    def publish(self) -> None:
        with disk_faults_of(self._target):
            for folder, _, files in os.walk(self.workspace):
                for name in files:
                    _flush_file(Path(folder, name))
                flush_folder(Path(folder))
            try:
                self.workspace.rename(self._target)
            except OSError as fault:
                if fault.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise _occupied(self._target) from fault
                raise
            flush_folder(self._target.parent)
        self.discard()

    def discard(self) -> None:
        with disk_faults_of(self._root):
            _remove_tree(self.cache)
            _remove_tree(self.workspace)
            self._part.unlink(missing_ok=True)
            for left in self._root.glob(f".{AREA_SENTINEL}.*.tmp"):
                left.unlink()
            (self._root / AREA_SENTINEL).unlink(missing_ok=True)
            self._root.rmdir()

    def _place(self, path: str) -> Path:
        place = self.workspace / path
        with disk_faults_of(place):
            place.parent.mkdir(parents=True, exist_ok=True)
        return place


class LocalStaging:
    """Staging."""

    def real(self, folder: PurePath) -> Path:
        return Path(os.path.realpath(folder))

    def is_folder(self, folder: PurePath) -> bool:
        return Path(folder).is_dir()

    def require_free(self, target: PurePath) -> None:
        place = Path(target)
        if not place.parent.is_dir():
            raise InvalidRequest(
                f"{place}: the folder {place.parent} does not exist", hint="make it first", param="target"
            )
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise _occupied(place)
        if place.is_dir():
            with disk_faults_of(place):
                if any(place.iterdir()):
                    raise _occupied(place)
        if not os.access(place.parent, os.W_OK | os.X_OK):
            raise AccessDenied(f"{place.parent} cannot be written", hint="choose another target", param="target")

    def free_bytes(self, target: PurePath) -> int:
        with disk_faults_of(target):
            return shutil.disk_usage(Path(target).parent).free

    @contextmanager
    def open(self, target: PurePath, key: str) -> Iterator[LocalArea]:
        place = Path(target)
        digest = hashlib.sha256(f"{key}:{place}".encode("utf-8", "surrogateescape")).hexdigest()
        root = place.parent / f"{PREFIX}{digest[:16]}"
        descriptor = _held(root)
        try:
            self.require_free(target)  # again: another process may have finished between our look and our lock
            _sweep(place.parent, root)
            area = LocalArea(root, place)
            area.prepare()
            yield area
        finally:
            os.close(descriptor)


def _held(root: Path) -> int:
    """A descriptor that locks the area's folder, which is made if need be."""
    while True:
        with disk_faults_of(root):
            root.mkdir(exist_ok=True)
            try:
                descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have moved on and removed the folder: then this lock is on nothing.
            if not _is_at(descriptor, root):
                os.close(descriptor)
                continue
            _require_ours(root)
        except BlockingIOError as fault:
            os.close(descriptor)
            raise Conflict(
                f"another mlxk is making this workspace in {root.parent}", hint="wait until it has finished"
            ) from fault
        except OSError as fault:
            os.close(descriptor)
            raise disk_error(root, fault) from fault
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _sweep(parent: Path, own: Path) -> None:
    """Remove the areas of processes that died while tidying up: those without a workspace to be resumed."""
    for root in parent.glob(f"{PREFIX}*"):
        if root == own or (root / "workspace").exists() or not root.is_dir():
            continue
        try:
            descriptor = _held(root)
        except MlxkError:
            continue
        try:
            LocalArea(root, parent).discard()
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, root: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), root.stat())
    except FileNotFoundError:
        return False


def _require_ours(root: Path) -> None:
    names = {entry.name for entry in root.iterdir()}
    if names and AREA_SENTINEL not in names and not all(name.startswith(f".{AREA_SENTINEL}.") for name in names):
        raise Conflict(
            f"{root} is not a folder that mlxk made: it has no {AREA_SENTINEL}",
            hint="move it away, then run the command again",
        )


def _occupied(target: Path) -> Conflict:
    return Conflict(f"{target} is there already and not empty", hint="choose another target, or remove it")


def _flush_file(path: Path) -> None:
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_tree(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
