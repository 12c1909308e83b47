"""A folder as a hub: `org/name/` with a model's files, or another hub's cache with `models--org--name/`."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from adapters.hub.checksum import checksum_of
from adapters.hub.layout import CacheLayout
from adapters.hub.refusals import changed, failed
from domain.catalog.manifest import is_weight_file
from domain.catalog.model_ref import CACHE_PREFIX, hub_name_problem, name_from_cache_folder
from domain.errors import ModelNotFound
from domain.hub.byte_ranges import Span
from domain.hub.file_names import is_commit, is_sha256
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.hub.search import SearchQuery
from ports.hub import ContentChanged

_PIECE_BYTES = 1 << 20
_MAIN = "main"


class DirectoryHub:
    """ModelHub over a folder, which is only read. A plain folder has one revision, `main`, whose commit is a hash over
    its files: describing it reads them whole, once for each DirectoryHub.
    """

    def __init__(self, root: Path) -> None:
        """Raises ModelNotFound when there is no such folder."""
        if not root.is_dir():
            raise ModelNotFound(f"{root} is no folder: it cannot be a hub", hint="name a folder: file:///folder")
        self._root = root.resolve()
        self._stopped = threading.Event()
        self._hashes: dict[tuple[str, int, int], str] = {}
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return self._root.as_uri()

    def describe(self, name: str, revision: str) -> RemoteModel:
        if hub_name_problem(name):
            raise self._missing(name)
        layout = CacheLayout(self._root, name)
        if layout.folder.is_dir():
            commit = self._cached_commit(layout, revision)
            files = self._files(layout.snapshot(commit), cached=True)
            return RemoteModel(name, revision, commit, files, last_modified=_modified(layout.snapshot(commit)))
        folder = self._root / name
        if not folder.is_dir() or not folder.resolve().is_relative_to(self._root):
            raise self._missing(name)
        files = self._files(folder, cached=False)
        commit = _commit_of(files)
        if revision != _MAIN and not (len(revision) >= 7 and commit.startswith(revision)):
            raise ModelNotFound(f"{name}@{revision}: a folder has one revision, main", detail={"kind": "revision"})
        return RemoteModel(name, revision, commit, files, last_modified=_modified(folder))

    def head(self, name: str, revision: str) -> str:
        return self.describe(name, revision).commit

    def read(self, model: RemoteModel, file: RemoteFile, limit_bytes: int) -> bytes:
        try:
            with self.open(model, file, Span(0, min(limit_bytes, file.size_bytes))) as pieces:
                return b"".join(pieces)
        except ContentChanged as fault:
            raise changed(model.name, file.path) from fault

    @contextmanager
    def open(self, model: RemoteModel, file: RemoteFile, span: Span) -> Iterator[Iterator[bytes]]:
        try:
            with self._path(model, file).open("rb") as stream:
                if os.fstat(stream.fileno()).st_size != file.size_bytes:
                    raise ContentChanged(file.path)
                yield self._pieces(stream.fileno(), model, file, span)
        except OSError as fault:
            raise failed(model.name, f"{file.path} cannot be read: {fault.strerror}", retryable=False) from fault

    def search(self, query: SearchQuery) -> tuple[RemoteModel, ...]:
        words = query.words.casefold().split()
        names = [name for name in sorted(self._names()) if all(word in name.casefold() for word in words)]
        return tuple(RemoteModel(name, _MAIN, _MAIN) for name in names[: query.limit])

    def stop(self) -> None:
        self._stopped.set()

    def _pieces(self, descriptor: int, model: RemoteModel, file: RemoteFile, span: Span) -> Iterator[bytes]:
        for start in range(span.start, span.end, _PIECE_BYTES):
            if self._stopped.is_set():
                raise failed(model.name, "the download was stopped", retryable=False)
            piece = os.pread(descriptor, min(_PIECE_BYTES, span.end - start), start)
            if not piece:
                raise ContentChanged(file.path)
            yield piece

    def _path(self, model: RemoteModel, file: RemoteFile) -> Path:
        layout = CacheLayout(self._root, model.name)
        folder = layout.snapshot(model.commit) if layout.folder.is_dir() else self._root / model.name
        return _inside(folder / file.path, layout.folder if layout.folder.is_dir() else folder, model.name)

    def _cached_commit(self, layout: CacheLayout, revision: str) -> str:
        """Of a ref, else of a hash or its beginning."""
        commits = sorted(path.name for path in layout.snapshots.glob("*") if is_commit(path.name))
        ref = layout.ref(revision)
        wanted = revision
        if ".." not in revision.split("/") and ref.is_file() and ref.stat().st_size <= 100:
            wanted = ref.read_text(encoding="ascii", errors="replace").strip()
        found = [commit for commit in commits if len(wanted) >= 7 and commit.startswith(wanted)]
        if len(found) != 1:
            raise ModelNotFound(
                f"{layout.name} has no revision {revision!r} in {self._root}", detail={"kind": "revision"}
            )
        return found[0]

    def _files(self, folder: Path, *, cached: bool) -> tuple[RemoteFile, ...]:
        root = folder.parent.parent if cached else folder
        return tuple(self._file(path, folder, root) for path in sorted(_files_below(folder)))

    def _file(self, path: Path, folder: Path, root: Path) -> RemoteFile:
        name = path.relative_to(folder).as_posix()
        target = _inside(path, root, str(folder))
        size_bytes = target.stat().st_size
        blob = target.name if path.is_symlink() and target.parent.name == "blobs" else ""
        if is_sha256(blob):
            return RemoteFile(name, size_bytes, hashlib.sha1(blob.encode(), usedforsecurity=False).hexdigest(), blob)
        if is_commit(blob):
            return RemoteFile(name, size_bytes, blob)
        large = is_weight_file(path.name)
        wanted = RemoteFile(name, size_bytes, "0" * 40, "0" * 64 if large else None)
        found = self._checksum(target, wanted)
        return RemoteFile(name, size_bytes, "0" * 40, found) if large else RemoteFile(name, size_bytes, found)

    def _checksum(self, path: Path, file: RemoteFile) -> str:
        facts = path.stat()
        key = (str(path), facts.st_size, facts.st_mtime_ns)
        with self._lock:
            known = self._hashes.get(key)
        found = known or checksum_of(path, file)
        with self._lock:
            self._hashes[key] = found
        return found

    def _names(self) -> Iterator[str]:
        for path in self._root.iterdir():
            if path.name.startswith(CACHE_PREFIX):
                name = name_from_cache_folder(path.name)
                if name and not hub_name_problem(name):
                    yield name
            elif path.is_dir() and not path.name.startswith("."):
                yield from (
                    f"{path.name}/{below.name}" for below in path.iterdir() if (below / "config.json").is_file()
                )

    def _missing(self, name: str) -> ModelNotFound:
        return ModelNotFound(f"{name} is not in {self._root}", hint="a model lies there as org/name/config.json")


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in files if not name.startswith(".") or name == ".gitattributes")


def _inside(path: Path, root: Path, subject: str) -> Path:
    """Where a path leads, which must be a file below root."""
    target = path.resolve()
    if not target.is_relative_to(root.resolve()) or not target.is_file():
        raise failed(subject, f"{path.name} is no file of this folder", retryable=False)
    return target


def _commit_of(files: Iterable[RemoteFile]) -> str:
    lines = "\n".join(f"{file.path}\0{file.etag}" for file in files)
    return hashlib.sha1(lines.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


def _modified(folder: Path) -> datetime:
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC)
