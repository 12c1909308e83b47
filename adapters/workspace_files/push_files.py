"""PushFiles on the local disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from domain.errors import ModelUnhealthy
from domain.hub.remote_model import RemoteFile
from domain.workspace.disk_faults import disk_faults_of
from domain.workspace.push import IGNORE_FILE, TOKEN_LIKE, IgnoreRules, LocalFile

SEARCHED_BYTES = 4 << 20
CHUNK_BYTES = 1 << 20


class LocalPushFiles:
    """PushFiles."""

    def of(self, folder: PurePath) -> tuple[LocalFile, ...]:
        root = Path(folder)
        rules = IgnoreRules(_text(root / IGNORE_FILE))
        found: list[LocalFile] = []
        with disk_faults_of(root):
            for place, names, files in os.walk(root):
                here = Path(place)
                names[:] = sorted(
                    name for name in names if not rules.ignores(f"{(here / name).relative_to(root).as_posix()}/x")
                )
                linked = [name for name in names if (here / name).is_symlink()]
                for name in (*files, *linked):
                    path = (here / name).relative_to(root).as_posix()
                    if not rules.ignores(path):
                        found += _described(root, here / name, path)
        return tuple(sorted(found, key=lambda each: each.path))

    def same(self, folder: PurePath, file: LocalFile, remote: RemoteFile) -> bool:
        path = Path(folder, file.path)
        with disk_faults_of(path), path.open("rb") as stream:
            if remote.sha256 is not None:
                return hashlib.file_digest(stream, "sha256").hexdigest() == remote.sha256
            digest = hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)
            while piece := stream.read(CHUNK_BYTES):
                digest.update(piece)
            return digest.hexdigest() == remote.blob_id

    def with_tokens(self, folder: PurePath, files: Sequence[LocalFile]) -> tuple[str, ...]:
        small = [file.path for file in files if file.size_bytes <= SEARCHED_BYTES]
        return tuple(path for path in small if TOKEN_LIKE.search(_bytes(Path(folder, path))))


def _described(root: Path, path: Path, name: str) -> list[LocalFile]:
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise ModelUnhealthy(
            f"the link {name} leads out of the workspace: it is not pushed",
            hint="put the file in its place, or name it in .hfignore",
            param="local_dir",
        )
    return [LocalFile(name, path.stat().st_size)] if path.is_file() else []


def _text(path: Path) -> str:
    return _bytes(path).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
