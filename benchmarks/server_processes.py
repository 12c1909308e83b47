"""Servers to measure, as processes: ours, the bare route, and peers that are installed beside us."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.serving import ROOT, first_object

PEERS = {
    "mlx_lm.server": ("mlx_lm.server", "--model", "{model}", "--port", "{port}", "--host", "127.0.0.1"),
    "mlx_vlm.server": ("mlx_vlm.server", "--model", "{model}", "--port", "{port}", "--host", "127.0.0.1"),
}
START_SECONDS = 120.0


@contextmanager
def process(command: Sequence[str], values: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Ended, and waited for, when the context is left."""
    with subprocess.Popen(
        command, cwd=ROOT, env=values, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as started:
        try:
            yield started
        finally:
            started.terminate()
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()


@contextmanager
def ours(values: dict[str, str], *flags: str) -> Iterator[tuple[str, int]]:
    """`mlxk serve`: (URL, process id)."""
    command = [sys.executable, str(ROOT / "mlxk" / "__main__.py"), "serve", "--port", "0", "--json", *flags]
    with process(command, values) as started:
        assert started.stdout is not None
        yield first_object(started.stdout)["data"]["url"], started.pid


@contextmanager
def bare(values: dict[str, str], size: int) -> Iterator[str]:
    with process([sys.executable, "-m", "benchmarks.bare_flask", str(size)], values) as started:
        assert started.stdout is not None
        url = json.loads(started.stdout.readline())["url"]
        _wait(f"{url}/bare")
        yield url


@contextmanager
def peer(name: str, folder: Path, values: dict[str, str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [each.format(model=folder, port=port) for each in PEERS[name]]
    with process([sys.executable, "-m", *words], values) as started:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/v1/models", started)
        yield url


def _wait(url: str, started: subprocess.Popen[str] | None = None) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and (started is None or started.poll() is None):
        try:
            with urlopen(url, timeout=5):  # noqa: S310
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"nothing answers at {url}")
