"""What an engine loop counts of itself, for whoever asks how it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from domain.serving.cache_check import CacheChecks
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.text_engine import EngineRow, RowStep

FADING = 0.9  # a slow step is expected again, a little less with each that is not slow


class LoopTally:
    """The engine thread's own, but for `preparing`. clock: monotonic seconds. told_seconds: what was said last of how
    long a step may take.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._slowest_seconds = 0.0
        self._steps = self._prompt_tokens = self._cached_tokens = self._generated_tokens = 0
        self._started = self._hits = 0
        self._prompts: dict[int, int] = {}  # rows whose first token is not there, and how long their prompts are
        self._preparing_since: float | None = None
        self.told_seconds = 0.0

    def admitted(self, row: EngineRow) -> None:
        self._prompts[row.row_id] = len(row.prompt)

    def left(self, row_id: int) -> None:
        """Cancelled. Unknown ids are no error."""
        self._prompts.pop(row_id, None)

    def counted(self, step: Callable[[], Sequence[RowStep]]) -> Sequence[RowStep]:
        """Take one step of the engine. Raises what it raises."""
        began = self._clock()
        try:
            steps = step()
        finally:
            self._steps += 1
            self._slowest_seconds = max(self._clock() - began, self._slowest_seconds * FADING)
        for each in steps:
            if each.token is not None:
                self._generated_tokens += 1
            if self._prompts and each.read is None:
                self._begin(each)
        return steps

    @contextmanager
    def preparing(self) -> Iterator[None]:
        """On the preparation thread, around one request."""
        self._preparing_since = self._clock()
        try:
            yield
        finally:
            self._preparing_since = None

    def vitals(self, pulse: EnginePulse, checks: CacheChecks, waiting: int) -> EngineVitals:
        """waiting: requests that nobody prepares yet."""
        since = self._preparing_since
        self.told_seconds = max(pulse.step_seconds, self._slowest_seconds)
        return EngineVitals(
            pulse=pulse,
            totals=EngineTotals(
                steps=self._steps,
                prompt_tokens=self._prompt_tokens,
                cached_tokens=self._cached_tokens,
                generated_tokens=self._generated_tokens,
                lookups=0 if pulse.prefix_ram_bytes is None else self._started,
                hits=self._hits,
                checks=checks.made,
                differing=checks.differing,
            ),
            step_seconds=self.told_seconds,
            preparing=waiting + (since is not None),
            preparing_seconds=0.0 if since is None else max(0.0, self._clock() - since),
        )

    def _begin(self, step: RowStep) -> None:
        length = self._prompts.pop(step.row_id, None)
        if length is None or step.stats is None:
            return
        self._started += 1
        self._hits += step.stats.cached_tokens > 0
        self._cached_tokens += step.stats.cached_tokens
        self._prompt_tokens += length - step.stats.cached_tokens
