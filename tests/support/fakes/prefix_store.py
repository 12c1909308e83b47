"""Remembered prompts without a disk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

from domain.serving.stored_prompts import StoredPrompts


class FakePrefixStore:
    """PrefixStore over a list."""

    def __init__(self, *prompts: StoredPrompts) -> None:
        self.prompts = list(prompts)

    def stored(self) -> Sequence[StoredPrompts]:
        return sorted(self.prompts, key=lambda each: (each.model, each.folder))

    def clear(self, prompts: Sequence[StoredPrompts]) -> int:
        gone = [each for each in self.prompts if each.folder in {wanted.folder for wanted in prompts}]
        self.prompts = [each for each in self.prompts if each not in gone]
        return sum(each.size_bytes for each in gone)


def prompts_of(model: str, *, tokens: int = 2_048, size_bytes: int = 4_000_000, in_use: bool = False) -> StoredPrompts:
    return StoredPrompts(
        folder=PurePosixPath("/home/me/.cache/mlxk/prompts", model.replace("/", "-")),
        model=model,
        source="cache",
        revision="5f0c1d2e3b4a59687786a5b4c3d2e1f001122334",
        pieces=-(-tokens // 256),
        tokens=tokens,
        size_bytes=size_bytes,
        last_used=datetime(2026, 5, 17, 9, 0, tzinfo=UTC),
        in_use=in_use,
    )
