"""API keys: where they come from, and which of them a request has."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from domain.errors import UsageError
from entrypoints.door_settings import DoorSettings, check_keys

LARGEST_FILE_BYTES = 1024 * 1024
OTHERS = 0o077


class KeyRing:
    """Keeps digests only. Thread-safe; what is compared takes the same time whichever key it is."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._salt = os.urandom(16)
        self._digests = tuple(self._digest(key) for key in keys)

    def __len__(self) -> int:
        return len(self._digests)

    def __repr__(self) -> str:
        return f"KeyRing({len(self)} keys)"

    def knows(self, offered: str) -> bool:
        digest = self._digest(offered)
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(known, digest)
        return found

    def _digest(self, key: str) -> bytes:
        return hashlib.sha256(self._salt + key.encode("utf-8", "surrogatepass")).digest()


def gather_keys(doors: DoorSettings) -> tuple[str, ...]:
    """All keys that were given, each once. Raises UsageError."""
    path = doors.api_key_file.value
    from_file = () if path is None else read_key_file(path)
    return tuple(dict.fromkeys((*doors.api_key.value.values, *from_file)))


def read_key_file(path: Path) -> tuple[str, ...]:
    """One key a line; lines that begin with # and empty ones say nothing. A pipe will do as well as a file.

    Raises UsageError when it cannot be read, when others could read it too, or when it holds no key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as fault:
        raise UsageError(f"the key file {path} cannot be read: {fault.strerror}", hint="name a file of keys") from fault
    if stat.S_IMODE(mode) & OTHERS:
        raise UsageError(f"others can read the keys in {path}", hint=f"chmod 600 {path}")
    try:
        lines = [line.strip() for line in raw.decode("ascii").splitlines()]
    except UnicodeDecodeError as fault:
        raise UsageError(f"the key file {path} is not plain text", hint="one key of ASCII characters a line") from fault
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys or len(raw) > LARGEST_FILE_BYTES:
        raise UsageError(
            f"the key file {path} holds {'too much' if keys else 'no key'}",
            hint="one key a line; `openssl rand -hex 24` makes a good one",
        )
    check_keys(keys, str(path))
    return keys
