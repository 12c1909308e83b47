"""What a pull will do, before it does anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from domain.errors import DiskFull, InvalidRequest
from domain.hub.remote_model import RemoteFile, RemoteModel

# What a download may leave free beside itself: a disk filled to the last byte stops more than us.
RESERVE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileSelection:
    """Globs as the hub's own tools read them: `*` crosses folders, a trailing slash means everything below.

    No include means every file; exclude wins.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return not self.include and not self.exclude

    def takes(self, path: str) -> bool:
        if self.include and not _matches_any(path, self.include):
            return False
        return not _matches_any(path, self.exclude)


EVERYTHING = FileSelection()


def _matches_any(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, f"{pattern}*" if pattern.endswith("/") else pattern) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class CacheState:
    """What the disk holds of a model at one commit.

    linked: files that the snapshot already has; blobs: etags whose content is there whole; partial_bytes: how much of
    an etag has arrived; free_bytes: of the cache's disk, for this user.
    """

    linked: frozenset[str]
    blobs: frozenset[str]
    partial_bytes: Mapping[str, int]
    free_bytes: int


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """files: those wanted, in the hub's order. fetch: those of them to be transferred, one for each content, the large
    ones first. A content that is there under another name is linked, not fetched.
    """

    model: RemoteModel
    selection: FileSelection
    files: tuple[RemoteFile, ...]
    fetch: tuple[RemoteFile, ...]
    partial_bytes: Mapping[str, int]
    free_bytes: int
    up_to_date: bool

    @property
    def total_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)

    @property
    def fetch_bytes(self) -> int:
        """What is still to come over the network."""
        return sum(file.size_bytes - self.partial_bytes.get(file.etag, 0) for file in self.fetch)

    @property
    def cached_bytes(self) -> int:
        return self.total_bytes - self.fetch_bytes

    def require_space(self) -> None:
        """Raises DiskFull when what is still to come does not fit."""
        if self.fetch_bytes and self.fetch_bytes + RESERVE_BYTES > self.free_bytes:
            raise DiskFull(
                f"{self.model.name} needs {self.fetch_bytes:,} more bytes, the disk has {self.free_bytes:,} free",
                hint="make room (mlxk prune, mlxk rm), or leave files out with --exclude",
                detail={"needed_bytes": self.fetch_bytes, "free_bytes": self.free_bytes},
            )


def plan_download(model: RemoteModel, selection: FileSelection, state: CacheState) -> DownloadPlan:
    """Raises InvalidRequest when the globs leave no file; DownloadRefused when the answer is not safe to write."""
    model.require_safe()
    files = tuple(file for file in model.files if selection.takes(file.path))
    if not files:
        raise InvalidRequest(
            f"no file of {model.name} matches {_spelled(selection)}",
            hint=f"mlxk show {model.name} --remote lists its files",
            param="include",
        )
    by_etag = {file.etag: file for file in files if file.etag not in state.blobs and file.path not in state.linked}
    fetch = sorted(by_etag.values(), key=lambda file: (-file.size_bytes, file.path))
    return DownloadPlan(
        model=model,
        selection=selection,
        files=files,
        fetch=tuple(fetch),
        partial_bytes={
            file.etag: min(state.partial_bytes.get(file.etag, 0), file.size_bytes)
            for file in fetch
            if state.partial_bytes.get(file.etag)
        },
        free_bytes=state.free_bytes,
        up_to_date=all(file.path in state.linked for file in files),
    )


def _spelled(selection: FileSelection) -> str:
    def words(flag: str, patterns: Sequence[str]) -> list[str]:
        return [f"{flag} {pattern}" for pattern in patterns]

    return " ".join([*words("--include", selection.include), *words("--exclude", selection.exclude)]) or "anything"
