"""How a file got its second place."""

from __future__ import annotations

from enum import StrEnum


class CopyMethod(StrEnum):
    """The values are those of the `copy_method` field of the JSON."""

    CLONEFILE = "clonefile"
    REFLINK = "reflink"
    COPY = "copy"
    MOVE = "move"

    @property
    def copy_on_write(self) -> bool:
        """Both files share their bytes until one is written: no time, no room."""
        return self in (CopyMethod.CLONEFILE, CopyMethod.REFLINK)
