"""How the engine divides its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

STEP_SECONDS = 0.25
MAX_WAITING = 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """step_seconds: how long prompts may hold up the answers of running rows; a chunk more at the worst. chunk_tokens:
    of a prompt, read in one pass; None: as many as take about step_seconds on this machine, measured once. max_waiting:
    rows that may wait for their prefill. clock: monotonic seconds.
    """

    step_seconds: float = STEP_SECONDS
    chunk_tokens: int | None = None
    max_waiting: int = MAX_WAITING
    clock: Callable[[], float] = time.monotonic
