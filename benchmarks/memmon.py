"""Memory while a command runs, as JSON lines that are added to a file: the machine's, and what the command and
everything below it hold.

    python -m benchmarks.memmon --output FILE [--interval 0.5] [--duration S] [-- command ...]

Ends with the command, whose exit code it returns (128 + N when signal N ended it), or after --duration seconds; without
either, on Ctrl-C. SIGTERM is handed to the command, as a terminal hands it Ctrl-C; the monitor goes on until it has
ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from benchmarks.reporting import json_lines
from benchmarks.reporting.machine import Machine, this_machine
from benchmarks.reporting.memory_track import MemorySample, sample, sample_record, summary

INTERVAL_SECONDS = 0.5
SHORTEST_SECONDS = 0.01


class Monitor:
    """One run, on the caller's thread. root: the process that is watched with all below it."""

    def __init__(self, place: Path, machine: Machine, root: int) -> None:
        self._place = place
        self._machine = machine
        self._root = root
        self._begin = time.monotonic()
        self._samples: list[MemorySample] = []

    def look(self) -> None:
        """Raises OSError."""
        memory, processes = self._machine.memory(), self._machine.processes()
        taken = sample(memory, processes, self._root, time.time(), time.monotonic() - self._begin)
        self._samples.append(taken)
        json_lines.append(self._place, sample_record(taken))

    def conclude(self) -> None:
        """Raises OSError."""
        json_lines.append(self._place, summary(self._samples))


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.output.open("ab").close()
    except OSError as fault:
        print(f"{options.output}: {fault.strerror or fault}", file=sys.stderr)
        return 1
    if not options.command:
        return _watch(options, None)
    try:
        child = subprocess.Popen(options.command)
    except OSError as fault:
        print(f"{options.command[0]}: {fault.strerror or fault}", file=sys.stderr)
        return 127
    return _watch(options, child)


def _watch(options: argparse.Namespace, child: subprocess.Popen[bytes] | None) -> int:
    """Until the child has ended, the time is up or, without a child, somebody says stop."""
    over = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        if child is None:
            over.set()
        elif number == signal.SIGTERM and child.poll() is None:
            child.terminate()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if child is not None:
        threading.Thread(target=_tell_end, args=(child, over), daemon=True).start()
    monitor = Monitor(options.output, this_machine(), os.getpid() if child is None else child.pid)
    end = None if options.duration is None else time.monotonic() + options.duration
    try:
        monitor.look()
        while not over.wait(options.interval) and (end is None or time.monotonic() < end):
            monitor.look()
        monitor.conclude()
    except OSError as fault:
        print(f"{options.output}: {fault.strerror or fault}", file=sys.stderr)
        _end(child)
        return 1
    return _code(_end(child))


def _tell_end(child: subprocess.Popen[bytes], over: threading.Event) -> None:
    child.wait()
    over.set()


def _end(child: subprocess.Popen[bytes] | None) -> int:
    """The child's exit code; it is ended if it has not by now."""
    if child is None:
        return 0
    if child.poll() is None:
        child.terminate()
    return child.wait()


def _code(returned: int) -> int:
    return 128 - returned if returned < 0 else returned


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument("--interval", type=_interval, default=INTERVAL_SECONDS, metavar="S")
    parser.add_argument("--duration", type=float, metavar="S")
    parser.add_argument("command", nargs="*", metavar="-- command")
    return parser


def _interval(text: str) -> float:
    seconds = float(text)
    if not SHORTEST_SECONDS <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be {SHORTEST_SECONDS} seconds or more")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
