"""Puts models where mlxk looks for them: the hub's cache layout with blobs and links, and plain folders."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha1, sha256
from pathlib import Path

from tests.support.model_zoo.content import Files, Link, Sparse, write_content


def revision_of(text: str) -> str:
    """A 40-hex commit hash that depends on the text alone."""
    return sha1(text.encode(), usedforsecurity=False).hexdigest()


class CacheBuilder:
    """A hub cache. root: the `hub` folder, made on first use."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, name: str) -> Path:
        """The model's folder, spelled out independently of the code under test."""
        return self.root / ("models--" + "--".join(name.split("/")))

    def add(
        self,
        name: str,
        files: Files,
        *,
        revision: str | None = None,
        refs: Iterable[str] = ("main",),
        incomplete: int = 0,
    ) -> Path:
        """Add one revision and return its snapshot folder. incomplete: partial blobs the hub library left behind."""
        repo = self.folder(name)
        commit = revision or revision_of(name)
        snapshot = repo / "snapshots" / commit
        snapshot.mkdir(parents=True, exist_ok=True)
        (repo / "blobs").mkdir(exist_ok=True)
        for path, content in files.items():
            self._add_file(repo, snapshot / path, content, depth=path.count("/"))
        for number in range(incomplete):
            (repo / "blobs" / f"{revision_of(str(number))}.5a17c0de.incomplete").write_bytes(b"half a file")
        for ref in refs:
            write_content(repo / "refs" / ref, commit)
        return snapshot

    def _add_file(self, repo: Path, target: Path, content: object, depth: int) -> None:
        if isinstance(content, Link):
            write_content(target, content)
            return
        key = (
            (content.head + str(content.size_bytes).encode()) if isinstance(content, Sparse) else repr(content).encode()
        )
        blob = repo / "blobs" / sha256(key).hexdigest()
        if not blob.exists():
            write_content(blob, content)  # type: ignore[arg-type]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to("../" * (2 + depth) + f"blobs/{blob.name}")


def add_workspace(folder: Path, files: Files) -> Path:
    """A model in a plain folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        write_content(folder / path, content)
    return folder
