"""Processes that are killed at a chosen change to the disk.

    python -m tests.support.crash_points '{"task": "pull", "points": [1, 2], "caches": [...], ...}'

One interpreter forks a child for each point; the child kills itself (SIGKILL) right before its n-th change. A point
beyond the last change lets the child finish. Prints, as JSON, how many changes each child made; null: it was killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path, PurePath
from typing import Any
from unittest.mock import patch

from adapters.filesystem.local import LocalFileSystem
from adapters.filesystem.locks import FlockFileLocks
from adapters.hub.disk import Disk
from tests.support.crash_calls import count_changes
from tests.support.hub_pulls import ROOT

NEVER = 10**9
CHANGES = (
    "make_folder", "open", "write_at", "append", "resize", "sync", "rename", "sync_folder", "link", "remove",
    "remove_folder", "write_whole",
)  # fmt: skip


class Countdown:
    """Kills this process right before its n-th step."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._lock = threading.Lock()
        self.begun = 0

    def step(self) -> None:
        with self._lock:
            self._left -= 1
            self.begun += 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class CrashDisk(Disk):
    """A Disk whose every change is a step, `write_whole` through the changes it is made of."""

    def __init__(self, countdown: Countdown) -> None:
        self._countdown = countdown

    def __getattribute__(self, name: str) -> Any:
        if name in CHANGES and name != "write_whole":
            object.__getattribute__(self, "_countdown").step()
        return object.__getattribute__(self, name)


class CrashFileSystem(LocalFileSystem):
    """A FileSystem whose every deletion is a step; a folder's files are deleted one by one."""

    def __init__(self, countdown: Countdown) -> None:
        self._countdown = countdown

    def remove_tree(self, path: PurePath) -> None:
        place = Path(path)
        if place.is_dir() and not place.is_symlink():
            for below in sorted(place.rglob("*"), reverse=True):
                self._countdown.step()
                super().remove_tree(below)
        self._countdown.step()
        super().remove_tree(path)


def run_to_crashes(task: str, caches: dict[int, Path], **facts: str) -> dict[int, int | None]:
    """Runs the task once for each point, each in its own cache.

    Returns, by point, how many changes it made; None when it was killed.
    """
    plan = {"task": task, "caches": {str(point): str(cache) for point, cache in caches.items()}, **facts}
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.crash_points", json.dumps(plan)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return {int(point): changes for point, changes in json.loads(done.stdout).items()}


def _pull(countdown: Countdown, cache: Path, plan: dict[str, Any]) -> None:
    from tests.support.hub_pulls import pull

    pull(plan["endpoint"], cache, plan["name"], disk=CrashDisk(countdown))


def _prune(countdown: Countdown, cache: Path, plan: dict[str, Any]) -> None:
    from adapters.hub.leftovers import HubCacheLeftovers
    from adapters.model_store.builtin import BuiltinStore
    from adapters.model_store.hf_cache import HfCacheStore
    from adapters.model_store.workspace import WorkspaceStore
    from application.catalog.stores import ModelStores
    from application.hub.prune_cache import PruneCache

    stores = ModelStores(WorkspaceStore(None), HfCacheStore(cache), BuiltinStore(cache))
    filesystem = CrashFileSystem(countdown)
    prune = PruneCache(stores, HubCacheLeftovers(cache), filesystem, FlockFileLocks())
    prune.execute(prune.plan())


def _list(countdown: Countdown, folder: Path, plan: dict[str, Any]) -> None:
    """A listing that saves its index, an hour from now: what was written just now is old enough to be remembered."""
    from adapters.model_store.report_index import FileReportIndex
    from application.catalog.list_models import ListQuery
    from tests.support.catalog_disk import LIBRARIES, Disk

    disk = Disk.at(folder)
    LIBRARIES.fingerprint()  # reading what is installed is no part of it
    now_ns = time.time_ns() + 3_600_000_000_000
    with patch("time.time_ns", lambda: now_ns):
        count_changes(folder, countdown.step)
        disk.list_models(FileReportIndex(folder / plan["index"])).execute(ListQuery())


def _remove(countdown: Countdown, folder: Path, plan: dict[str, Any]) -> None:
    from tests.support.catalog_disk import Disk

    removing = Disk.at(folder).remove_model()
    planned = removing.plan(plan["model"])
    count_changes(folder, countdown.step)
    removing.execute(planned)


def _remember(countdown: Countdown, folder: Path, plan: dict[str, Any]) -> None:
    """Pieces of a prompt to the disk: one replaces another, the oldest makes room."""
    from tests.support.prefix_pieces import remember

    count_changes(folder, countdown.step)
    remember(folder, int(plan["budget"]))


def main() -> None:
    plan = json.loads(sys.argv[1])
    tasks = {"pull": _pull, "prune": _prune, "list": _list, "remove": _remove, "remember": _remember}
    outcomes: dict[str, int | None] = {}
    for point, cache in plan["caches"].items():
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            countdown = Countdown(int(point))
            tasks[plan["task"]](countdown, Path(cache), plan)
            os.write(writer, b"%d" % countdown.begun)
            os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed or status == 0, f"point {point} ended with {status}"
        outcomes[point] = None if killed else int(os.read(reader, 20))
        os.close(reader)
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main()
