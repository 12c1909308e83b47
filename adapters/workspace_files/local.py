"""WorkspaceFiles on the local disk."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from adapters.workspace_files.folder_walk import real_path, walk
from adapters.workspace_files.whole_files import write_whole
from domain.workspace.cleanliness import FoundFile
from domain.workspace.content_hash import (
    HEADER_LENGTH_BYTES,
    FileRecord,
    Recipe,
    Unhashable,
    header_length,
    name_and_size_digest,
    recipe_of,
    text_digest,
)
from domain.workspace.disk_faults import disk_faults_of
from domain.workspace.exclusion import Exclusion
from domain.workspace.sentinel import SENTINEL, Sentinel

MAX_SENTINEL_BYTES = MAX_SMALL_BYTES = 64 << 20


class LocalWorkspaceFiles:
    """WorkspaceFiles."""

    def sentinel(self, folder: PurePath) -> Sentinel | None:
        try:
            with open(f"{folder}/{SENTINEL}", "rb", buffering=0) as file:  # noqa: PTH123 - asked of every workspace
                values = json.loads(file.read(min(os.fstat(file.fileno()).st_size, MAX_SENTINEL_BYTES)))
        except (OSError, ValueError, RecursionError):
            return None
        sentinel = Sentinel(values) if isinstance(values, dict) else Sentinel()
        return sentinel if sentinel.managed else None

    def write_sentinel(self, folder: PurePath, sentinel: Sentinel) -> None:
        text = json.dumps(dict(sentinel.values), indent=2, ensure_ascii=True) + "\n"
        write_whole(Path(folder, SENTINEL), text.encode("ascii"))

    def look(self, folder: PurePath, exclusion: Exclusion) -> Sequence[FoundFile]:
        return walk(str(folder), exclusion)

    def hash(self, folder: PurePath, file: FoundFile) -> FileRecord:
        return self._record(folder, file, whole=False)

    def hash_deep(self, folder: PurePath, file: FoundFile) -> FileRecord:
        return self._record(folder, file, whole=True)

    def names(self, folder: PurePath) -> frozenset[str]:
        try:
            return frozenset(each.name for each in Path(folder).iterdir() if each.is_file())
        except OSError:
            return frozenset()

    def read(self, folder: PurePath, path: str) -> bytes | None:
        try:
            with Path(folder, path).open("rb") as file:
                content = file.read(MAX_SMALL_BYTES + 1)
        except OSError:
            return None
        return content if len(content) <= MAX_SMALL_BYTES else None

    def write(self, folder: PurePath, path: str, content: bytes | None) -> None:
        place = Path(folder, path)
        if content is not None:
            write_whole(place, content)
            return
        with disk_faults_of(place):
            place.unlink(missing_ok=True)

    def _record(self, folder: PurePath, file: FoundFile, *, whole: bool) -> FileRecord:
        if file.link is not None:
            if not file.link:
                raise Unhashable(f"{file.path}: the link leads out of the workspace or nowhere")
            return FileRecord(file.path, 0, 0, file.link)
        path = Path(real_path(str(folder), file.path))
        try:
            return _hashed(path, file.path, whole=whole)
        except OSError as fault:
            raise Unhashable(f"{file.path}: {fault.strerror or fault}") from fault
        except Unhashable as fault:
            raise Unhashable(f"{file.path}: {fault}") from fault


def _hashed(path: Path, recorded: str, *, whole: bool) -> FileRecord:
    with path.open("rb") as stream:
        status = os.fstat(stream.fileno())
        recipe = Recipe.WHOLE if whole else recipe_of(path.name, status.st_size)
        match recipe:
            case Recipe.HEADER:
                length = header_length(stream.read(HEADER_LENGTH_BYTES))
                header = stream.read(length)
                if len(header) < length:
                    raise Unhashable("its safetensors header is cut off")
                sha = text_digest(header)
            case Recipe.NAME_AND_SIZE:
                sha = name_and_size_digest(path.name, status.st_size)
            case Recipe.WHOLE:
                sha = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    return FileRecord(recorded, status.st_size, status.st_mtime_ns, sha)
