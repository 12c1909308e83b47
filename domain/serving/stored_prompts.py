"""Remembered prompts that lie on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class StoredPrompts:
    """Those of one model, loaded one way. model: its name when they were written, "" where that cannot be read.
    source: the store it came from. revision: of a cached model. tokens: shared beginnings count once. last_used:
    UTC-aware. in_use: a process remembers prompts of this model here just now.
    """

    folder: PurePath
    model: str
    source: str
    revision: str | None
    pieces: int
    tokens: int
    size_bytes: int
    last_used: datetime | None
    in_use: bool


def total_bytes(prompts: Iterable[StoredPrompts]) -> int:
    return sum(each.size_bytes for each in prompts)
