"""How a worker's process came to its end when nobody had asked it to."""

from __future__ import annotations

from enum import StrEnum


class DeathCause(StrEnum):
    """KILLED: SIGKILL, as the system does when memory runs out. ABORTED: SIGABRT, as Metal does then. CRASHED: another
    signal. MEMORY: it said itself that memory had run out. EXITED: with any other exit code. HUNG: the watchdog ended
    it. GARBLED: what it said could not be understood.
    """

    KILLED = "killed"
    ABORTED = "aborted"
    CRASHED = "crashed"
    MEMORY = "memory"
    EXITED = "exited"
    HUNG = "hung"
    GARBLED = "garbled"
