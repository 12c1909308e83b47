"""Is it still the same process? A number alone does not say: they come round again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

DEAD_STATES = ("Z", "X")
PS_SECONDS = 5.0


def born(process_id: int) -> str | None:
    """What tells a living process from every other one of its number; None when there is none, or a zombie."""
    return _from_proc(process_id) if sys.platform.startswith("linux") else _from_ps(process_id)


def is_same(process_id: int, mark: str) -> bool:
    return bool(mark) and born(process_id) == mark


def send_signal(process_id: int, mark: str, number: signal.Signals) -> bool:
    """False when the process of that mark is gone: nobody else gets the signal. Raises PermissionError.

    Linux holds on to the process between the look and the signal; elsewhere they follow one another at once.
    """
    try:
        if not hasattr(os, "pidfd_open"):
            if not is_same(process_id, mark):
                return False
            os.kill(process_id, number)
            return True
        held = os.pidfd_open(process_id)
        try:
            if not is_same(process_id, mark):
                return False
            signal.pidfd_send_signal(held, number)
        finally:
            os.close(held)
    except ProcessLookupError:
        return False
    return True


def _from_proc(process_id: int) -> str | None:
    """The tick of its start, and the boot that ticks are counted from."""
    try:
        text = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in DEAD_STATES else f"{boot} {fields[19]}"


def _from_ps(process_id: int) -> str | None:
    """The second of its start."""
    asked = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(process_id)],
        capture_output=True, text=True, timeout=PS_SECONDS, check=False, env={"LC_ALL": "C", "TZ": "UTC"},
    )  # fmt: skip
    state, _, started = asked.stdout.strip().partition(" ")
    return None if not state or state.startswith(DEAD_STATES) else " ".join(started.split())
