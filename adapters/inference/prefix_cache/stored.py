"""PrefixStore over the folders of the disk tier. No MLX."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.inference.prefix_cache import folders
from domain.errors import AccessDenied
from domain.serving.stored_prompts import StoredPrompts


class FolderPrefixStore:
    """PrefixStore. directory: the one that all models share; made by those who write there, never here."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def stored(self) -> Sequence[StoredPrompts]:
        found = [_described(folder) for folder in folders.model_folders(self._directory)]
        return sorted((each for each in found if each.pieces), key=lambda each: (each.model, each.folder))

    def clear(self, prompts: Sequence[StoredPrompts]) -> int:
        freed = 0
        for each in prompts:
            try:
                freed += folders.clear_folder(Path(each.folder))
            except FileNotFoundError:
                continue
            except OSError as fault:
                raise AccessDenied(
                    f"{fault.filename or each.folder} cannot be deleted: {fault.strerror}",
                    hint="check who owns it and whether its folder may be written",
                ) from fault
        return freed


def _described(folder: Path) -> StoredPrompts:
    files = list(folders.pieces(folder))
    about = folders.about(folder)
    used_ns = max((each.used_ns for each in files), default=None)
    return StoredPrompts(
        folder=folder,
        model=about.get("model", ""),
        source=about.get("source", ""),
        revision=about.get("revision") or None,
        pieces=len(files),
        tokens=sum(each.tokens for each in files),
        size_bytes=sum(each.size_bytes for each in files),
        last_used=None if used_ns is None else datetime.fromtimestamp(used_ns / 1e9, UTC),
        in_use=folders.in_use(folder),
    )
