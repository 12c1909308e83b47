"""Pulling in tests: a cache and a hub put together as the container does it, and pulls in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from adapters.hub.disk import Disk
from adapters.hub.http_hub import HttpHub
from adapters.hub.hub_cache import HubCache
from adapters.hub.retry import RetryPolicy
from adapters.hub.session import HubSession
from domain.hub.download_plan import DownloadPlan, FileSelection, plan_download
from domain.hub.pull import OnProgress, silent

ROOT = Path(__file__).resolve().parents[2]
QUICK = RetryPolicy(attempts=4, first_pause_seconds=0.01, longest_pause_seconds=0.02, longest_wish_seconds=0.05)
DEADLINE_SECONDS = 30.0

_PULL_SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.support.hub_pulls import pull
print(pull({endpoint!r}, Path({cache!r}), {name!r}), flush=True)
"""


def http_hub(endpoint: str, token: str | None = None, timeout_seconds: float = 60.0) -> HttpHub:
    return HttpHub(HubSession(endpoint, token, timeout_seconds=timeout_seconds), QUICK)


def plan_for(endpoint: str, cache: Path, name: str, revision: str = "main") -> DownloadPlan:
    model = http_hub(endpoint).describe(name, revision)
    return plan_download(model, FileSelection(), HubCache(cache).state(model))


def pull(
    endpoint: str,
    cache: Path,
    name: str,
    *,
    revision: str = "main",
    selection: FileSelection | None = None,
    disk: Disk | None = None,
    progress: OnProgress = silent,
) -> Path:
    """Describe, plan, fetch; the snapshot's folder."""
    hub = http_hub(endpoint)
    keeper = HubCache(cache, disk, QUICK)
    model = hub.describe(name, revision)
    plan = plan_download(model, selection or FileSelection(), keeper.state(model))
    return Path(keeper.fetch(plan, hub, progress))


def start_pull(endpoint: str, cache: Path, name: str) -> subprocess.Popen[str]:
    """The same in a process of its own, which can be killed."""
    script = _PULL_SCRIPT.format(root=str(ROOT), endpoint=endpoint, cache=str(cache), name=name)
    environment = {**os.environ, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def until(condition: Callable[[], bool], what: str) -> None:
    """Looks again and again until it is so; fails after a while."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_SECONDS:g} s"
        time.sleep(0.01)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, links followed."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
