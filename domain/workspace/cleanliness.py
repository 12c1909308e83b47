"""Is a workspace still what was written down about it? Asked of stat facts alone, so that a listing can ask it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from domain.workspace.content_hash import FileRecord


class Cleanliness(StrEnum):
    CLEAN = "clean"
    MODIFIED = "modified"
    UNKNOWN = "unknown"

    @property
    def flag(self) -> bool | None:
        """The `clean` field of the JSON object."""
        return {Cleanliness.CLEAN: True, Cleanliness.MODIFIED: False, Cleanliness.UNKNOWN: None}[self]


class FoundFile(NamedTuple):
    """One file as it lies there now. link: the digest of a link's target, "" for a link that leads out of the workspace
    or nowhere, None for a plain file. Links have size and time 0.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Paths by what became of them. drifted: another time but the same size; only their content can tell."""

    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    drifted: tuple[str, ...] = ()

    @property
    def surely_modified(self) -> bool:
        return bool(self.added or self.missing or self.changed)


SAME = Comparison()


def compare(records: Mapping[str, FileRecord], found: Iterable[FoundFile]) -> Comparison:
    """What was written down against what is there."""
    added, changed, drifted = [], [], []
    left = dict(records)
    for file in found:
        record = left.pop(file[0], None)
        if record is None:
            added.append(file.path)
        elif file[3] is not None:
            if file.link != record.sha:
                changed.append(file.path)
        elif file[1] != record[1]:
            changed.append(file.path)
        elif file[2] != record[2]:
            drifted.append(file.path)
    if not (left or added or changed or drifted):
        return SAME
    return Comparison(tuple(sorted(added)), tuple(sorted(left)), tuple(sorted(changed)), tuple(sorted(drifted)))
