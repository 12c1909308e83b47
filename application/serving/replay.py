"""A stream of events that survives its worker, as long as nothing has been shown yet."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from application.serving.seat import Seat
from domain.errors import EngineDied
from domain.inference import Finished, PicturesSeen, PromptProgress
from domain.inference.speech import Spoken
from domain.inference.transcription import HearingProgress, Transcription
from ports.model_worker import ModelWorker, PatientEvents

E = TypeVar("E")
LAST = (Finished, Transcription, Spoken)
UNSEEN = (PicturesSeen, PromptProgress, HearingProgress)  # said before anything of the answer, or beside it


class Release(Protocol):
    """Gives a seat back. answered: the request got all of its answer."""

    def __call__(self, seat: Seat, *, answered: bool = False) -> None: ...


class ReplayingStream(Generic[E]):
    """PatientEvents over a seat: when the worker dies before the consumer has seen a byte, the request is run once
    more, alone; after that a death is the consumer's EngineDied.

    ask: starts the request on a worker. streamed: the consumer shows events as they come. False: nothing is shown
    before the end, so events are kept back until the last one and a death at any time can be made good. One consumer;
    `cancel` from any thread; the seat is given back after the last event, after an error, or by `cancel`.
    """

    def __init__(
        self,
        seat: Seat,
        ask: Callable[[ModelWorker], PatientEvents[E]],
        *,
        streamed: bool,
        live_worker: Callable[[Seat], ModelWorker],
        release: Release,
    ) -> None:
        self._seat = seat
        self._ask = ask
        self._streamed = streamed
        self._live_worker = live_worker
        self._release = release
        self._guard = threading.Lock()
        self._inner: PatientEvents[E] | None = None
        self._kept: deque[E] = deque()
        self._shown = False
        self._replayed = False
        self._cancelled = False
        self._entered = False
        self._over = False
        self._reading = False
        self._beside: queue.SimpleQueue[bool | BaseException] | None = None  # what came of starting it again
        self._opening = False  # on a thread beside

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> E | None:
        with self._guard:
            if self._over:
                raise StopIteration
            self._reading = True
        try:
            event = self._next_or_replay(seconds)
        except BaseException:
            self._end()
            raise
        finally:
            with self._guard:
                self._reading = False
                cancelled = self._cancelled
        if cancelled or isinstance(event, LAST):
            self._end(answered=not cancelled)
        if cancelled:
            raise StopIteration
        self._shown = self._shown or not (event is None or isinstance(event, UNSEEN))
        return event

    def cancel(self) -> None:
        with self._guard:
            self._cancelled = True
            inner, unattended = self._inner, not self._reading
        if inner is not None:
            inner.cancel()
        self._seat.wake()
        if unattended:
            self._end()

    def _next_or_replay(self, seconds: float | None) -> E | None:
        while True:
            try:
                if self._inner is None:
                    beside = self._replayed and (seconds is not None or self._beside is not None)
                    opened = self._opened_beside(seconds) if beside else self._open()
                    if opened is None:
                        return None
                    if not opened:
                        raise StopIteration
                return self._read(seconds)
            except EngineDied as death:
                if self._seat.failure is not None:
                    raise self._seat.failure from death
                if self._shown or self._replayed or self._cancelled:
                    raise
                self._replayed = True
                self._kept.clear()
                self._leave()

    def _open(self) -> bool:
        """Start the request on a live worker; False when it was cancelled meanwhile."""
        if not self._seat.enter(alone=self._replayed, given_up=lambda: self._cancelled):
            return False
        self._entered = True
        inner = self._ask(self._live_worker(self._seat))
        with self._guard:
            self._inner = inner
            cancelled = self._cancelled
        if cancelled:
            inner.cancel()
        return True

    def _opened_beside(self, seconds: float | None) -> bool | None:
        """As `_open`, on a thread of its own, for that may take long. None when it takes longer than `seconds`."""
        outcome = self._beside
        if outcome is None:
            outcome, self._opening = queue.SimpleQueue(), True
            self._beside = outcome
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(self._open_beside, outcome), name="replay", daemon=True).start()
        try:
            opened = outcome.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(opened, BaseException):
            raise opened
        return opened

    def _open_beside(self, outcome: queue.SimpleQueue[bool | BaseException]) -> None:
        opened: bool | BaseException
        try:
            opened = self._open()
        except BaseException as fault:  # noqa: BLE001 - raised by whoever reads
            opened = fault
        with self._guard:
            self._opening, abandoned = False, self._over
        outcome.put(opened)
        if abandoned:
            self._give_back(answered=False)

    def _read(self, seconds: float | None) -> E | None:
        inner = self._inner
        if self._kept:
            return self._kept.popleft()
        if inner is None:
            raise StopIteration
        if self._streamed:
            return next(inner) if seconds is None else inner.next_within(seconds)
        self._kept.extend(inner)
        return self._kept.popleft() if self._kept else next(inner)

    def _leave(self) -> None:
        with self._guard:
            self._inner = None
        if self._entered:
            self._entered = False
            self._seat.leave()

    def _end(self, *, answered: bool = False) -> None:
        with self._guard:
            if self._over:
                return
            self._over = True
            if self._opening:  # that thread gives it back
                return
        self._give_back(answered=answered)

    def _give_back(self, *, answered: bool) -> None:
        self._leave()
        self._release(self._seat, answered=answered)
