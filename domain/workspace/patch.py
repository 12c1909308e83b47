"""Changes to the files of a workspace, to be shown, made and taken back."""

from __future__ import annotations

import base64
import binascii
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from domain.workspace.content_hash import record_path_problem

# Matches the frozen excludes (`*.bak`), so that it never counts as content.
RECORD = ".mlxk_doctor.bak"
SHOWN_LINES = 40


@dataclass(frozen=True, slots=True)
class FileChange:
    """before, after: the whole content; None where there is no file."""

    path: str
    before: bytes | None
    after: bytes | None

    def lines(self) -> tuple[str, ...]:
        """A unified diff, the middle of a long one left out."""
        shown = list(
            difflib.unified_diff(
                _lines(self.before), _lines(self.after), f"a/{self.path}", f"b/{self.path}", lineterm=""
            )
        )
        if len(shown) > SHOWN_LINES:
            left_out = len(shown) - SHOWN_LINES
            half = SHOWN_LINES // 2
            shown = [*shown[:half], f"... {left_out} more lines ...", *shown[-half:]]
        return tuple(line[:500] for line in shown)

    @property
    def reversed(self) -> FileChange:
        return FileChange(self.path, self.after, self.before)


@dataclass(frozen=True, slots=True)
class PatchRecord:
    """What was done, so that it can be finished after a crash and undone later. made: ISO 8601 UTC. rehash: whether the
    workspace was clean before, and its hash is to follow.
    """

    changes: tuple[FileChange, ...]
    made: str
    rehash: bool
    done: bool = False

    def encode(self) -> dict[str, object]:
        return {
            "version": 1,
            "made": self.made,
            "rehash": self.rehash,
            "done": self.done,
            "changes": [
                {"path": each.path, "before": _packed(each.before), "after": _packed(each.after)}
                for each in self.changes
            ],
        }

    @classmethod
    def decode(cls, values: Mapping[str, object]) -> PatchRecord | None:
        """None for anything that this module did not write."""
        changes = values.get("changes")
        if values.get("version") != 1 or not isinstance(changes, list):
            return None
        try:
            read = tuple(
                FileChange(each["path"], _unpacked(each["before"]), _unpacked(each["after"])) for each in changes
            )
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None
        if any(record_path_problem(each.path) for each in read):
            return None
        return cls(read, str(values.get("made")), values.get("rehash") is True, values.get("done") is True)


def merged(changes: Sequence[FileChange]) -> tuple[FileChange, ...]:
    """One change a file: the first `before`, the last `after`."""
    by_path: dict[str, FileChange] = {}
    for change in changes:
        known = by_path.get(change.path)
        by_path[change.path] = change if known is None else FileChange(change.path, known.before, change.after)
    return tuple(each for each in by_path.values() if each.before != each.after)


def _lines(content: bytes | None) -> list[str]:
    return [] if content is None else content.decode("utf-8", "replace").splitlines()


def _packed(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode("ascii")


def _unpacked(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)
