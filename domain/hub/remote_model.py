"""What a hub tells of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.errors import DownloadRefused
from domain.hub.file_names import is_blob_name, is_commit, is_sha256, names_problem

MAX_FILE_BYTES = 1 << 50


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a commit. blob_id: git's SHA-1 of what the repository stores; sha256: of the content, for files in
    large-file storage only, whose blob_id is that of a pointer.
    """

    path: str
    size_bytes: int
    blob_id: str
    sha256: str | None = None

    @property
    def etag(self) -> str:
        """What the content is known by, and what its blob is called in the cache."""
        return self.sha256 or self.blob_id

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model at one commit. revision: what was asked for (a branch, a tag or a hash). last_modified: UTC-aware.
    parameters: how many, by type ("F16"), as far as the hub tells.
    """

    name: str
    revision: str
    commit: str
    files: tuple[RemoteFile, ...] = ()
    private: bool = False
    gated: bool = False
    likes: int = 0
    downloads: int = 0
    last_modified: datetime | None = None
    library_name: str = ""
    pipeline_tag: str = ""
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, int] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    def file(self, path: str) -> RemoteFile | None:
        return next((file for file in self.files if file.path == path), None)

    def require_safe(self) -> None:
        """Raises DownloadRefused unless every name and hash can stand in a path on this disk."""
        if not is_commit(self.commit):
            raise _hostile(self.name, f"the hub names no commit but {self.commit[:80]!r}")
        found = names_problem(file.path for file in self.files)
        if found:
            path, problem = found
            raise _hostile(self.name, f"the hub lists a file {path[:120]!r}: {problem}")
        for file in self.files:
            sound = is_blob_name(file.etag) and (file.sha256 is None or is_sha256(file.sha256))
            if not sound or not 0 <= file.size_bytes <= MAX_FILE_BYTES:
                raise _hostile(self.name, f"the hub's hash or size of {file.path!r} makes no sense")


def _hostile(name: str, problem: str) -> DownloadRefused:
    return DownloadRefused(
        f"{name}: {problem}; nothing was written", hint="do not use this model before its owner has mended it"
    )
