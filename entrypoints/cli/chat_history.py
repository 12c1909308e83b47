"""The lines typed in chats, in a file that only their user can read."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

KEPT_ENTRIES = 1000
LONGEST_ENTRY = 16_384  # characters


class ChatHistory:
    """One JSON string a line, oldest first. Several chats may append at the same time. The file is cut to KEPT_ENTRIES
    when it has grown to twice as many.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[str]:
        """The latest KEPT_ENTRIES; lines that are no entries are passed over, and so is a file that cannot be read."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        kept = [entry for line in lines if (entry := _entry(line)) is not None][-KEPT_ENTRIES:]
        if len(lines) >= 2 * KEPT_ENTRIES:
            with suppress(OSError):  # it is only longer than it should be, and is cut another time
                self._rewrite(kept)
        return kept

    def add(self, text: str) -> None:
        """Append one entry. Raises OSError."""
        if len(text) > LONGEST_ENTRY:
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, f"{json.dumps(text)}\n".encode())
        finally:
            os.close(descriptor)

    def _rewrite(self, entries: list[str]) -> None:
        shorter = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        descriptor = os.open(shorter, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(entry)}\n" for entry in entries)
            shorter.replace(self._path)
        except BaseException:
            shorter.unlink(missing_ok=True)
            raise


def _entry(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, str) and "\0" not in entry else None
