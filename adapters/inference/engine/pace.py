"""How the engine divides its time, and how much it takes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

STEP_SECONDS = 0.25
MAX_ROWS = 32
MAX_WAITING = 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """step_seconds: how long prompts may hold up the answers of running rows; a chunk more at the worst. chunk_tokens:
    of a prompt, read in one pass; None: as many as take about step_seconds on this machine, measured once. clock:
    monotonic seconds.
    """

    step_seconds: float = STEP_SECONDS
    chunk_tokens: int | None = None
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class Bounds:
    """max_rows: that decode side by side. max_waiting: rows that may wait for their prefill. memory_bytes: what
    weights, caches and work may take in all; None is without limit.
    """

    max_rows: int = MAX_ROWS
    max_waiting: int = MAX_WAITING
    memory_bytes: int | None = None
