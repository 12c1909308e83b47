"""What stat alone tells of a model folder."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

CONFIG = "config.json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FileEntry(NamedTuple):
    """One file below the folder, links followed. path: relative, with `/`. size_bytes and the nanosecond times are 0
    where there is nothing to follow. problem: why it cannot be a plain readable file ("dangling link", ...), or "".
    """

    path: str
    size_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int
    problem: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def in_root(self) -> bool:
        return "/" not in self.path


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What stat alone tells of a model folder.

    files: sorted by path. findings: what was odd, in words. problem: why there is no folder to read ("No snapshots
    found"), or None. fingerprint: changes whenever any of this does, or a download to this model makes progress.
    """

    files: tuple[FileEntry, ...]
    findings: tuple[str, ...] = ()
    problem: str | None = None
    fingerprint: str = ""
    folder_modified_ns: int = 0

    @property
    def size_bytes(self) -> int:
        """All files; a blob that several names share counts once."""
        return sum({entry.inode: entry.size_bytes for entry in self.files}.values())

    @property
    def modified_ns(self) -> int:
        """The newest file's, else the folder's own."""
        return max((entry.modified_ns for entry in self.files), default=0) or self.folder_modified_ns

    @property
    def changed_ns(self) -> int:
        """The newest change of any kind, for telling whether the listing can be trusted to differ next time."""
        return max((max(entry.changed_ns, entry.modified_ns) for entry in self.files), default=0)


def utc_from_ns(nanoseconds: int) -> datetime:
    """A file time as a UTC datetime, to the microsecond; hostile times far outside the calendar become the epoch."""
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return _EPOCH
