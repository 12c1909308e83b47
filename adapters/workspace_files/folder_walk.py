"""One walk over a workspace by stat. It runs for every workspace of a listing, so it is written for speed."""

# Paths are strings here: pathlib would take most of the time.
# ruff: noqa: PTH114, PTH208

from __future__ import annotations

import os
import unicodedata

from domain.workspace.cleanliness import FoundFile
from domain.workspace.content_hash import link_digest
from domain.workspace.exclusion import Exclusion


def walk(root: str, exclusion: Exclusion) -> list[FoundFile]:
    """Every file below `root` that counts; names are NFC, as the content hash has them."""
    found: list[FoundFile] = []
    pending = [("", root)]
    while pending:
        prefix, folder = pending.pop()
        try:
            entries = os.scandir(folder)
        except OSError:
            continue
        with entries:
            for entry in entries:
                name = entry.name if entry.name.isascii() else unicodedata.normalize("NFC", entry.name)
                if entry.is_symlink():
                    found.append(FoundFile(prefix + name, 0, 0, _link(entry.path, root)))
                elif entry.is_dir(follow_symlinks=False):
                    if not exclusion.prunes(name):
                        pending.append((f"{prefix}{name}/", entry.path))
                elif entry.is_file(follow_symlinks=False) and not exclusion.drops(name):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    found.append(FoundFile(prefix + name, status.st_size, status.st_mtime_ns))
    return found


def real_path(root: str, path: str) -> str:
    """The file of a recorded path: names on the disk need not be NFC. Itself where nothing fits."""
    direct = f"{root}/{path}"
    if path.isascii() or os.path.lexists(direct):
        return direct
    folder = root
    for part in path.split("/"):
        try:
            names = os.listdir(folder)
        except OSError:
            return direct
        fitting = next((name for name in names if unicodedata.normalize("NFC", name) == part), None)
        if fitting is None:
            return direct
        folder = f"{folder}/{fitting}"
    return folder


def _link(path: str, root: str) -> str:
    try:
        target = os.path.relpath(os.path.realpath(path, strict=False), os.path.realpath(root))
        if os.path.islink(os.path.realpath(path)):
            return ""  # a loop
    except (OSError, ValueError):
        return ""
    outside = target == ".." or target.startswith("../")
    return "" if outside else link_digest(target.replace(os.sep, "/"))
