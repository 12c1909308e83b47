"""Small filesystems of a chosen kind, mounted from a file where this machine lets us."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MAKE = {
    "xfs": (["mkfs.xfs", "-q", "-m", "reflink=1"], 320),
    "btrfs": (["mkfs.btrfs", "-q"], 120),
    "ext4": (["mkfs.ext4", "-q"], 16),
}


@contextmanager
def loop_disk(kind: str, folder: Path) -> Iterator[Path]:
    """A mounted, empty filesystem below `folder`. Skips the test, saying why, where that cannot be had."""
    command, megabytes = MAKE[kind]
    program = shutil.which(command[0]) or shutil.which(command[0], path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    image, place = folder / f"{kind}.img", folder / kind
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    place.mkdir()
    _step([program, *command[1:], str(image)])
    _step(["mount", "-o", "loop", str(image), str(place)])
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True, capture_output=True)


def _step(command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as fault:
        words = getattr(fault, "stderr", None) or str(fault)
        pytest.skip(f"cannot make and mount a filesystem here: {words.strip()}")
