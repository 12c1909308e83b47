"""Are the files here those of the hub?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FileState(StrEnum):
    """What a file turned out to be. `missing` is no fault by itself: a pull may have left it out."""

    SAME = "same"
    MISSING = "missing"
    WRONG_SIZE = "wrong size"
    WRONG_CONTENT = "wrong content"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One file against its hash. detail: numbers or words behind the state."""

    path: str
    size_bytes: int
    state: FileState
    detail: str = ""

    @property
    def damaged(self) -> bool:
        return self.state not in (FileState.SAME, FileState.MISSING)


@dataclass(frozen=True, slots=True)
class Verification:
    """source: whose hashes were compared with: the hub's address, or "recorded"."""

    name: str
    commit: str
    source: str
    checks: tuple[FileCheck, ...]

    @property
    def sound(self) -> bool:
        return not any(check.damaged for check in self.checks)

    @property
    def complete(self) -> bool:
        return all(check.state is FileState.SAME for check in self.checks)
