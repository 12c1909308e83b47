"""Pulls beside plain `snapshot_download`, from the same local hub, the same files, in turn.

    python -m benchmarks.hub [--rounds 5] [--large-mebibytes 192] [--small-files 24]

Each round pulls into empty caches, first one side, then the other, the order changing from round to round. The hub
runs in a process of its own. Goal: the median pull reaches at least 0.9 of snapshot_download's speed (ratio = its
seconds / ours). Ours checks every checksum and syncs to the disk, which snapshot_download does not. Then a pull is
killed half-way and resumed: the hub counts the bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
NAME = "bench/model"
GOAL = 0.9
_PULL = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
{imports}
start = time.perf_counter()
{pull}
print(time.perf_counter() - start)
"""
_OURS = (
    "from tests.support.hub_pulls import pull",
    "pull({endpoint!r}, Path({cache!r}), {name!r})",
)
_THEIRS = (
    "from huggingface_hub import snapshot_download",
    "snapshot_download({name!r}, cache_dir={cache!r}, endpoint={endpoint!r}, token=False)",
)


def serve(folder: Path) -> None:
    """The hub of this benchmark, until standard input closes; answers each line with the bytes sent so far."""
    from tests.support.hub_server import HubServer

    with HubServer(folder) as hub:
        print(hub.endpoint, flush=True)
        for _ in sys.stdin:
            print(hub.traffic.total_bytes, flush=True)


def fill(folder: Path, large_bytes: int, small_files: int) -> None:
    """One model: two large files, and many small ones."""
    from tests.support.hub_server import HubStore

    dice = random.Random(1)  # noqa: S311 - content, not secrets
    files = {f"model-{n}.safetensors": dice.randbytes(large_bytes // 2) for n in range(2)}
    files |= {f"part-{n}.json": dice.randbytes(2000 + n) for n in range(small_files)}
    HubStore(folder).create(NAME, files)


class Hub:
    """The hub's process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.hub", "--serve", str(folder)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self._line()

    def bytes_sent(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write("?\n")
        self._process.stdin.flush()
        return int(self._line())

    def close(self) -> None:
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def start(side: tuple[str, str], endpoint: str, cache: Path) -> subprocess.Popen[str]:
    """One pull in a fresh process, imports not counted."""
    imports, call = side
    script = _PULL.format(
        root=str(ROOT), imports=imports, pull=call.format(endpoint=endpoint, cache=str(cache), name=NAME)
    )
    environment = {
        **os.environ,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    return subprocess.Popen([sys.executable, "-c", script], env=environment, text=True, stdout=subprocess.PIPE)


def seconds(side: tuple[str, str], endpoint: str, cache: Path) -> float:
    process = start(side, endpoint, cache)
    output, _ = process.communicate()
    assert process.returncode == 0
    shutil.rmtree(cache)
    return float(output)


def compare(hub: Hub, work: Path, rounds: int) -> dict[str, object]:
    sides = {"mlxk": _OURS, "snapshot_download": _THEIRS}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in sorted(sides, reverse=turn % 2 == 1):
            times[name].append(seconds(sides[name], hub.endpoint, work / f"{name}-{turn}"))
    medians = {name: round(median(values), 3) for name, values in times.items()}
    ratio = median(theirs / ours for ours, theirs in zip(times["mlxk"], times["snapshot_download"], strict=True))
    return {"seconds": medians, "ratio": round(ratio, 3), "goal": GOAL, "reached": ratio >= GOAL}


def resume(hub: Hub, work: Path, total_bytes: int) -> dict[str, object]:
    """Kill a pull when about half has been sent, then go on; what the second one fetched, of what was missing."""
    cache = work / "resumed"
    before = hub.bytes_sent()
    process = start(_OURS, hub.endpoint, cache)
    wait_for(lambda: hub.bytes_sent() - before > total_bytes // 2 or process.poll() is not None)
    process.kill()
    process.communicate()
    here = arrived(cache)
    time.sleep(0.5)  # what the hub still had in its buffers for the dead process is counted now
    before = hub.bytes_sent()
    process = start(_OURS, hub.endpoint, cache)
    process.communicate()
    fetched = hub.bytes_sent() - before
    return {"here_bytes": here, "missing_bytes": total_bytes - here, "fetched_bytes": fetched}


def arrived(cache: Path) -> int:
    """Bytes of the model that need not come again."""
    return sum(path.stat().st_size for path in cache.glob("*/blobs/*") if path.suffix == "") + sum(
        int(words[2]) - int(words[1])
        for path in cache.glob("*/blobs/*.ranges")
        for words in map(str.split, path.read_text().splitlines())
        if words and words[0] == "r"
    )


def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--large-mebibytes", type=int, default=192)
    parser.add_argument("--small-files", type=int, default=24)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    with tempfile.TemporaryDirectory(prefix="mlxk-bench-") as folder:
        work = Path(folder)
        fill(work / "hub", options.large_mebibytes << 20, options.small_files)
        total = sum(path.stat().st_size for path in (work / "hub" / "objects").iterdir())
        hub = Hub(work / "hub")
        try:
            report = {"bytes": total, **compare(hub, work, options.rounds), "resume": resume(hub, work, total)}
        finally:
            hub.close()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
