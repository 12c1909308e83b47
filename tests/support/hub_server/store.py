"""Repositories on disk: blobs by their sha256, and one JSON document per repository with its commits and branches."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LFS_SUFFIXES = (".safetensors", ".bin", ".gguf", ".npz")
LFS_FROM_BYTES = 10_000_000
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file of a commit. blob_id: git's object id of what the repository stores (the pointer, for LFS)."""

    sha256: str
    size_bytes: int
    lfs: bool
    blob_id: str

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.blob_id


@dataclass
class Repository:
    """files_by_commit: commit -> path -> entry, in the order of the commits. gated: False, "auto" or "manual"."""

    name: str
    private: bool = False
    gated: str | bool = False
    likes: int = 0
    downloads: int = 0
    tags: list[str] = field(default_factory=lambda: ["mlx", "safetensors"])
    pipeline_tag: str = "text-generation"
    library_name: str = "mlx"
    branches: dict[str, str] = field(default_factory=dict)
    tag_refs: dict[str, str] = field(default_factory=dict)
    files_by_commit: dict[str, dict[str, Entry]] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def commit_of(self, revision: str) -> str | None:
        """A branch, a tag, or a commit hash (short ones of at least seven characters too)."""
        known = self.branches.get(revision) or self.tag_refs.get(revision)
        if known:
            return known
        found = [commit for commit in self.files_by_commit if len(revision) >= 7 and commit.startswith(revision)]
        return found[0] if len(found) == 1 else None

    def files(self, revision: str = "main") -> dict[str, Entry]:
        commit = self.commit_of(revision)
        assert commit is not None, f"{self.name} has no revision {revision}"
        return self.files_by_commit[commit]


def blob_id_of(content: bytes) -> str:
    """git's own hash of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class HubStore:
    """Owns a folder; safe for the server's threads and the test's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.repositories: dict[str, Repository] = {}
        (folder / "objects").mkdir(parents=True, exist_ok=True)
        (folder / "repositories").mkdir(exist_ok=True)
        for document in sorted((folder / "repositories").glob("*.json")):
            repository = _from_json(json.loads(document.read_text(encoding="utf-8")))
            self.repositories[repository.name] = repository

    def object_path(self, sha256: str) -> Path:
        return self.folder / "objects" / sha256

    def has_object(self, sha256: str) -> bool:
        return self.object_path(sha256).exists()

    def put_object(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.has_object(sha256):
            part = self.object_path(f"{sha256}.{threading.get_ident()}")
            part.write_bytes(content)
            part.replace(self.object_path(sha256))
        return sha256

    def read_object(self, sha256: str) -> bytes:
        return self.object_path(sha256).read_bytes()

    def entry(self, path: str, content: bytes, *, lfs: bool | None = None) -> Entry:
        sha256 = self.put_object(content)
        as_lfs = lfs if lfs is not None else path.endswith(LFS_SUFFIXES) or len(content) > LFS_FROM_BYTES
        return Entry(sha256, len(content), as_lfs, _lfs_blob_id(sha256) if as_lfs else blob_id_of(content))

    def lfs_entry(self, sha256: str) -> Entry:
        return Entry(sha256, self.object_path(sha256).stat().st_size, lfs=True, blob_id=_lfs_blob_id(sha256))

    def create(self, name: str, files: Mapping[str, bytes] | None = None, **fields: Any) -> Repository:
        """A repository with these files on `main`; without files, with git's attributes only, as the hub makes it."""
        with self.lock:
            repository = Repository(name, **fields)
            self.repositories[name] = repository
            self.commit(repository, files or {".gitattributes": b"*.safetensors filter=lfs\n"}, replace=True)
            return repository

    def commit(
        self, repository: Repository, files: Mapping[str, bytes], *, branch: str = "main", replace: bool = False
    ) -> str:
        """Adds files to a branch (or makes them its whole content); returns the commit."""
        entries = {path: self.entry(path, content) for path, content in files.items()}
        with self.lock:
            base = repository.branches.get(branch)
            before = {} if replace or base is None else repository.files_by_commit[base]
            return self.commit_entries(repository, {**before, **entries}, branch=branch)

    def commit_entries(
        self, repository: Repository, entries: dict[str, Entry], *, branch: str, message: str = "update"
    ) -> str:
        with self.lock:
            seed = f"{repository.name}|{branch}|{len(repository.files_by_commit)}|{sorted(entries.items())}"
            commit = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
            repository.files_by_commit[commit] = entries
            repository.messages[commit] = message
            repository.branches[branch] = commit
            self.save(repository)
            return commit

    def save(self, repository: Repository) -> None:
        path = self.folder / "repositories" / f"{repository.name.replace('/', '--')}.json"
        path.write_text(json.dumps(_to_json(repository)), encoding="utf-8")

    def drop(self, name: str) -> None:
        with self.lock:
            self.repositories.pop(name)
            (self.folder / "repositories" / f"{name.replace('/', '--')}.json").unlink()


def _lfs_blob_id(sha256: str) -> str:
    return blob_id_of(f"lfs pointer {sha256}".encode())


def _to_json(repository: Repository) -> dict[str, Any]:
    document = dict(vars(repository))
    document["files_by_commit"] = {
        commit: {path: vars(entry) for path, entry in files.items()}
        for commit, files in repository.files_by_commit.items()
    }
    return document


def _from_json(document: dict[str, Any]) -> Repository:
    repository = Repository(**document)
    repository.files_by_commit = {
        commit: {path: Entry(**entry) for path, entry in files.items()}
        for commit, files in document["files_by_commit"].items()
    }
    return repository
