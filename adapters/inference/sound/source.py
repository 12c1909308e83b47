"""Where a sound's bytes are."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from domain.errors import InvalidMedia
from domain.inference.sound import SoundBytes, SoundFile
from domain.inference.sound_kinds import HEAD_BYTES, id3_bytes

MOST_TAGS = 8  # in a row


@dataclass(frozen=True, slots=True)
class Source:
    """data: all of it, or None where it lies in a file. head: its first bytes, behind ID3 tags. size: bytes in all."""

    data: bytes | None
    path: Path | None
    name: str | None
    head: bytes
    size: int


def source_of(sound: SoundBytes | SoundFile) -> Source:
    """Raises InvalidMedia for a file that cannot be read."""
    if isinstance(sound, SoundBytes):
        head = _behind_tags(lambda at: sound.data[at : at + HEAD_BYTES])
        return Source(sound.data, None, sound.name, head, len(sound.data))
    path = Path(sound.path)
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise InvalidMedia(f"{path} is no file", param="file")
        with path.open("rb") as file:

            def read(at: int) -> bytes:
                file.seek(at)
                return file.read(HEAD_BYTES)

            return Source(None, path.absolute(), path.name, _behind_tags(read), facts.st_size)
    except OSError as fault:
        raise InvalidMedia(f"{path} cannot be read: {fault.strerror}", param="file") from fault


def _behind_tags(read: Callable[[int], bytes]) -> bytes:
    at, head = 0, read(0)
    for _ in range(MOST_TAGS):
        length = id3_bytes(head)
        if not length:
            break
        at += length
        behind = read(at)
        if not behind:
            break
        head = behind.lstrip(b"\0") or behind
    return head
