"""Where a test's cache lies: beside the user's cache on an external volume, else in the system's temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

FOLDER = ".mlxk2_test_isolation"
# Mount points of the system's own disk: a cache there is on no external volume.
SYSTEM_VOLUMES = frozenset({"/", "/System/Volumes/Data"})


class NoPlaceForCaches(Exception):
    """The only place there is lies in the user's cache."""


def volume_root(path: Path, mount_points: Iterable[str]) -> Path:
    """The mount point that `path`, a real path, lies below."""
    above = {str(each) for each in (path, *path.parents)}
    return Path(max((each for each in mount_points if each in above), key=len, default="/"))


def place_for(models: Path, protected: Iterable[Path], temporary: Path, mount_points: Iterable[str]) -> Path:
    """The folder that caches of tests are made in; it may not exist yet. It lies in nothing that is protected.

    models: the user's hub. It is on an external volume when its mount point is neither the system's own nor the one
    that `temporary` lies on. Raises NoPlaceForCaches when `temporary` is all that is left and is protected.
    """
    temporary, points, closed = _real(temporary), tuple(mount_points), [_real(each) for each in protected]
    root = volume_root(_real(models), points)
    external = str(root) not in SYSTEM_VOLUMES and root != volume_root(temporary, points)
    if external and os.access(root, os.W_OK) and not _within(root / FOLDER, closed):
        return root / FOLDER
    if (folder := _within(temporary, closed)) is not None:
        raise NoPlaceForCaches(
            f"the temporary folder {temporary} lies in the user's cache {folder}, where tests write nothing: "
            "set TMPDIR to another folder"
        )
    return temporary


def _within(path: Path, folders: Iterable[Path]) -> Path | None:
    return next((each for each in folders if path.is_relative_to(each)), None)


def mount_points() -> tuple[str, ...]:
    """Of this machine, as they are now."""
    if sys.platform == "linux":
        lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return tuple(_unescaped(line.split()[4]) for line in lines)
    told = subprocess.run(["/sbin/mount"], capture_output=True, text=True, check=True).stdout
    return tuple(line.partition(" on ")[2].rpartition(" (")[0] for line in told.splitlines())


def _unescaped(text: str) -> str:
    """mountinfo writes blanks as \\040, and so on."""
    for code in ("\\040", "\\011", "\\012", "\\134"):
        text = text.replace(code, chr(int(code[1:], 8)))
    return text


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
