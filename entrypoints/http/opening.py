"""From asking for answers to their first event: on this thread, or beside it where that may take long."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from application.inference.several import Event_co, Expected, patiently
from domain.catalog import LocatedModel
from entrypoints.http.hangups import Watch

log = logging.getLogger(__name__)

GivenUp = Callable[[], bool]
E = TypeVar("E")


class Opened(Protocol[Event_co]):
    """SeveralAnswers, or another answer: who gives it, and its events."""

    @property
    def model(self) -> LocatedModel: ...

    @property
    def events(self) -> Expected[Event_co]: ...

    @property
    def warning(self) -> str | None: ...


class Opening(Generic[E]):
    """One request's answers, asked for once. One consumer; `abandon` from any thread. Whoever hangs up ends the wait
    for a model as well as the answers.
    """

    def __init__(self, begin: Callable[[GivenUp], Opened[E]], watch: Watch, wake: Callable[[], None]) -> None:
        """begin: asks, however long that takes, unless what it is given turns true; it looks there after `wake`."""
        self._begin = begin
        self._watch = watch
        self._wake = wake
        self._guard = threading.Lock()
        self._abandoned = False
        self._answers: Opened[E] | None = None
        self._outcome: queue.SimpleQueue[Opened[E] | BaseException] = queue.SimpleQueue()
        watch.on_hangup(wake)

    def here(self) -> Opened[E]:
        """Ask on this thread. Raises what `begin` does."""
        return self._kept(self._begin(self._given_up))

    def beside(self) -> None:
        """Ask on a thread of its own, which ends when that is done; `within` tells."""
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="opening", daemon=True).start()

    def within(self, seconds: float) -> Opened[E] | None:
        """What came of `beside`; None when that takes longer. Raises what `begin` does."""
        try:
            outcome = self._outcome.get(timeout=seconds)
        except queue.Empty:
            return None
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def late(self, answers: Opened[E] | None, seconds: float) -> Iterator[E | None]:
        """All events, of answers that have said nothing for a while: None at once, and whenever nothing came for so
        long. answers: None where even they are not there yet.
        """
        yield None
        while answers is None:
            answers = self.within(seconds)
            if answers is None:
                yield None
        yield from patiently(answers.events, seconds)

    @property
    def model(self) -> str:
        """Who answers, once there are answers."""
        if self._answers is None:
            raise RuntimeError("nobody answers yet")
        return self._answers.model.name

    def abandon(self) -> None:
        """Nobody waits any more. Idempotent."""
        with self._guard:
            self._abandoned = True
            answers = self._answers
        if answers is None:
            self._wake()
        else:
            answers.events.cancel()

    def _given_up(self) -> bool:
        return self._abandoned or self._watch.gone

    def _run(self) -> None:
        try:
            self._outcome.put(self._kept(self._begin(self._given_up)))
        except BaseException as fault:  # noqa: BLE001 - raised by whoever waits
            self._outcome.put(fault)

    def _kept(self, answers: Opened[E]) -> Opened[E]:
        if answers.warning is not None:
            log.warning("%s", answers.warning)
        with self._guard:
            self._answers = answers
            abandoned = self._abandoned
        self._watch.on_hangup(answers.events.cancel)
        if abandoned:
            answers.events.cancel()
        return answers
