"""Which files of a workspace take no part in its content hash.

A pattern that ends in `/` prunes folders of that name, any other drops files, both on the base name (fnmatch). The list
in force when a workspace was hashed is frozen into its sentinel, so that a longer list here changes no older workspace.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from functools import lru_cache

SENTINEL = ".mlxk_workspace.json"
RUNTIME_CACHE = ".hf_cache"

DEFAULT_EXCLUDES: tuple[str, ...] = (
    f"{RUNTIME_CACHE}/", SENTINEL,
    ".git/", ".github/", "__pycache__/",
    ".vscode/", ".idea/", ".ipynb_checkpoints/", ".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".tox/",
    "node_modules/", ".venv/", "venv/",
    "*.lock", "*.tmp", "*.log", "*.bak",
    ".DS_Store", "._*", ".Spotlight-V100/", ".Trashes/", ".fseventsd/", ".TemporaryItems/", ".apdisk", "Icon\r",
    "Thumbs.db", "desktop.ini", "$RECYCLE.BIN/", "System Volume Information/",
    "*~", ".*.swp", ".*.swo",
)  # fmt: skip


class Exclusion:
    """Patterns, ready to be asked about many names."""

    __slots__ = ("_files", "_folders", "patterns")

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = tuple(patterns)
        self._folders = _any_of(tuple(each[:-1] for each in self.patterns if each.endswith("/")))
        self._files = _any_of(tuple(each for each in self.patterns if not each.endswith("/")))

    def prunes(self, folder_name: str) -> bool:
        return self._folders.match(folder_name) is not None

    def drops(self, file_name: str) -> bool:
        return self._files.match(file_name) is not None


@lru_cache(maxsize=64)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(each) for each in patterns) or r"(?!)")
