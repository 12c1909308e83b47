"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("mlxk", "mlx", "mlx-lm", "mlx-vlm", "mlx-audio", "mlx-cpu", "mlx-metal")


def describe_environment() -> Mapping[str, str]:
    """Versions of what is installed, and the machine: never its name, its user or a path."""
    found = {
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "processors": str(os.cpu_count() or 0),
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def has_ffmpeg(search_path: str) -> bool:
    """search_path: folders as in PATH."""
    return shutil.which("ffmpeg", path=search_path) is not None
