"""How large a sound may be that comes over a network. Files at a terminal have no limit."""

from __future__ import annotations

from domain.errors import PayloadTooLarge

MOST_SOUND_BYTES = 50 * 1024 * 1024
MOST_SOUNDS = 20


def require_sound_size(size: int, where: str) -> None:
    """where: what the caller calls it. Raises PayloadTooLarge."""
    if size > MOST_SOUND_BYTES:
        raise PayloadTooLarge(
            f"{where} is larger than {MOST_SOUND_BYTES:,} bytes",
            hint="split or compress the sound; `mlxk transcribe` takes files of any size",
            param=where,
        )


class AttachedSounds:
    """Counts the sounds of one request. One thread."""

    def __init__(self) -> None:
        self._count = 0
        self._together = 0

    def add(self, size: int, where: str) -> None:
        """Raises PayloadTooLarge, which names the one that is too much."""
        require_sound_size(size, where)
        self._count += 1
        self._together += size
        if self._together > MOST_SOUND_BYTES:
            raise PayloadTooLarge(
                f"with {where} there are {self._together:,} bytes of sounds, together they may have "
                f"{MOST_SOUND_BYTES:,}",
                hint="compress them, or leave out some of them",
                param=where,
            )
        if self._count > MOST_SOUNDS:
            raise PayloadTooLarge(
                f"{where} is one too many: a request may bring {MOST_SOUNDS} sounds",
                hint="ask about some of them at a time",
                param=where,
            )
