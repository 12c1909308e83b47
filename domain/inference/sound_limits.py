"""How large a sound may be that comes over a network. Files at a terminal have no limit."""

from __future__ import annotations

from domain.errors import PayloadTooLarge

MOST_SOUND_BYTES = 50 * 1024 * 1024


def require_sound_size(size: int, where: str) -> None:
    """where: what the caller calls it. Raises PayloadTooLarge."""
    if size > MOST_SOUND_BYTES:
        raise PayloadTooLarge(
            f"{where} is larger than {MOST_SOUND_BYTES:,} bytes",
            hint="split or compress the sound; `mlxk transcribe` takes files of any size",
            param=where,
        )
