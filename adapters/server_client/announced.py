"""Does any server of this user say that it runs? Told without importing what it takes to ask one."""

from __future__ import annotations

import os
from pathlib import Path

SUFFIX = ".json"


def servers_folder(user_cache_dir: Path) -> Path:
    """Where the entries of running servers lie."""
    return user_cache_dir / "servers"


def servers_announced(user_cache_dir: Path) -> bool:
    """Perhaps of one that has died, or runs on another machine: nobody has looked. Raises nothing."""
    try:
        return any(name.endswith(SUFFIX) for name in os.listdir(servers_folder(user_cache_dir)))  # noqa: PTH208
    except OSError:
        return False
