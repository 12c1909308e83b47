"""A transcription that has to be done by some time, whatever its engine does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from domain.errors import DeadlineMissed
from domain.inference.hearing_deadline import hearing_limit, preparation_limit
from domain.inference.transcription import HearingEvent, HearingProgress
from ports.model_worker import ModelWorker, PatientEvents

GRACE_SECONDS = 10.0
REASON = "went on with a transcription long after its deadline"


class DeadlineStream:
    """PatientEvents: another one, of a worker. The clock runs from here; once it is known how long the sound is, the
    usual limit counts from then. allowed_seconds: a limit for all of it in place of the usual ones. clock: monotonic
    seconds. grace_seconds: how long the engine may take to look up from its work after the deadline.

    What is late is cancelled, and DeadlineMissed is raised, once the engine has shown that it goes on with others. An
    engine that does not look up, for its piece of work never ends, is ended with its process: others of its requests
    are then EngineDied's to mend, this one is not asked again.
    """

    def __init__(
        self,
        events: PatientEvents[HearingEvent],
        worker: ModelWorker,
        clock: Callable[[], float],
        allowed_seconds: float | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._events = events
        self._worker = worker
        self._clock = clock
        self._allowed = allowed_seconds
        self._grace_seconds = grace_seconds
        self._limit = preparation_limit(allowed_seconds)
        self._until = clock() + self._limit
        self._heard = False  # how long the sound is

    def __iter__(self) -> Iterator[HearingEvent]:
        return self

    def __next__(self) -> HearingEvent:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> HearingEvent | None:
        left = self._until - self._clock()
        if left <= 0:
            raise self._missed()
        event = self._events.next_within(left if seconds is None else min(left, seconds))
        if isinstance(event, HearingProgress) and not self._heard:
            self._heard = True
            if self._allowed is None:
                self._limit = hearing_limit(event.total_seconds)
                self._until = self._clock() + self._limit
        return event

    def cancel(self) -> None:
        self._events.cancel()

    def _missed(self) -> DeadlineMissed:
        self._events.cancel()
        looked_up = threading.Event()
        self._worker.ask_vitals(lambda _: looked_up.set())
        if not looked_up.wait(self._grace_seconds):
            self._worker.kill(REASON)
        return DeadlineMissed(
            f"the transcription was not done after {self._limit:g} s",
            hint="send a shorter sound, or allow more time: --transcription-timeout of `mlxk serve`, "
            "--timeout of `mlxk transcribe`",
        )
