"""The file that describes a service, and the commands of its manager."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from domain.errors import Conflict, DependencyMissing

COMMAND_SECONDS = 60.0


class Description:
    """One file, written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        try:
            return self.path.read_text(encoding="utf-8", errors="surrogateescape")
        except FileNotFoundError:
            return None

    def write(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
                file.write(text.encode("utf-8", "surrogateescape"))
            temporary.replace(self.path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def asked(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Raises DependencyMissing where there is no such program, Conflict when it does not end."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as fault:
        raise DependencyMissing(
            f"there is no {command[0]} on this machine", hint="`mlxk serve --daemon` works without"
        ) from fault
    except subprocess.TimeoutExpired as fault:
        raise Conflict(f"`{' '.join(command)}` did not end within {COMMAND_SECONDS:g} s") from fault


def done(command: Sequence[str]) -> None:
    """Raises Conflict with what it says when it fails, and as `asked` does."""
    ended = asked(command)
    if ended.returncode:
        said = (ended.stderr or ended.stdout).strip() or f"exit code {ended.returncode}"
        raise Conflict(f"`{' '.join(command)}` failed: {said}")
