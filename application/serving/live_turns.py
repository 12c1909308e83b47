"""The turns of one live session, transcribed one after another while the next one is being said."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from application.serving.live_counts import HEARD, LiveCounts
from domain.errors import InternalError, Interrupted, InvalidRequest, MlxkError, ServerShutdown
from domain.inference.live_session import LiveEvent, LiveSettings, Trouble, TurnDelta, TurnFailed, TurnHeard
from domain.inference.sound import SoundSamples
from domain.inference.transcription import HeardSegment, HearingEvent, Transcription, TranscriptionRequest
from ports.model_worker import PatientEvents

log = logging.getLogger(__name__)

MOST_WAITING_SECONDS = 60.0
MOST_WAITING_MODELS = 4

Tell = Callable[[LiveEvent], None]


class Ear(Protocol):
    """Transcribes with a model of a name. Thread-safe."""

    def prepare(self, model: str, given_up: Callable[[], bool]) -> None:
        """Have it loaded. Blocks; raises what loading does, Interrupted when given up."""

    def listen(
        self, model: str, request: TranscriptionRequest, given_up: Callable[[], bool]
    ) -> PatientEvents[HearingEvent]:
        """Blocks while it is loaded. Raises as `prepare`; its events raise what ModelWorker.transcribe says."""


@dataclass(frozen=True, slots=True)
class Turn:
    """settings: as they were when it was complete."""

    item_id: str
    sound: SoundSamples
    settings: LiveSettings


class TurnsInOrder:
    """Answers on a thread of its own, which ends with `finish` or `close`. tell: thread-safe, raises nothing. Every
    turn that is added ends with TurnHeard or TurnFailed, but for those that `close` meets.
    """

    def __init__(self, ear: Ear, tell: Tell, counts: LiveCounts) -> None:
        self._ear = ear
        self._tell = tell
        self._counts = counts
        self._changed = threading.Condition()
        self._waiting: deque[Turn | str] = deque()
        self._finishing = False
        self._closed = False
        self._events: PatientEvents[HearingEvent] | None = None
        self._thread = threading.Thread(target=self._run, name="live-turns", daemon=True)
        self._thread.start()

    def prepare(self, model: str) -> None:
        """Have a model loaded before the first turn wants it. Where many wait and no turn behind the last of them, that
        one gives way.
        """
        with self._changed:
            many = sum(isinstance(task, str) for task in self._waiting) >= MOST_WAITING_MODELS
            if many and isinstance(self._waiting[-1], str):
                self._waiting.pop()
            self._put(model)

    def add(self, turn: Turn) -> None:
        """Blocks while too much waits already: who sends faster than it can be heard is not read on."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting_seconds() < MOST_WAITING_SECONDS)
        self._put(turn)

    def finish(self) -> None:
        """Nothing more is added; blocks until everything is answered."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()
        self._thread.join()

    def close(self) -> None:
        """Nobody wants the rest. From any thread, does not block; idempotent."""
        with self._changed:
            self._closed = True
            events = self._events
            self._changed.notify_all()
        if events is not None:
            events.cancel()

    def _put(self, task: Turn | str) -> None:
        with self._changed:
            self._waiting.append(task)
            self._changed.notify_all()

    def _waiting_seconds(self) -> float:
        return sum(task.sound.seconds for task in self._waiting if isinstance(task, Turn))

    def _run(self) -> None:
        while (task := self._next()) is not None:
            if isinstance(task, str):
                self._prepare(task)
            else:
                self._answer(task)

    def _next(self) -> Turn | str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._finishing or self._waiting)
            if self._closed or not self._waiting:
                return None
            task = self._waiting.popleft()
            self._changed.notify_all()
            return task

    def _prepare(self, model: str) -> None:
        try:
            self._ear.prepare(model, self._given_up)
        except (Interrupted, ServerShutdown):
            return
        except MlxkError as fault:
            self._tell(Trouble(fault))

    def _answer(self, turn: Turn) -> None:
        how = "cancelled"
        try:
            heard = self._heard(turn)
            if heard is not None:
                self._tell(TurnHeard(turn.item_id, heard.text, turn.sound.seconds))
                how = HEARD
        except MlxkError as fault:
            how = fault.code
            self._tell(TurnFailed(turn.item_id, fault))
        except Exception:
            how = InternalError.code
            log.exception("a turn of a live transcription failed")
            self._tell(TurnFailed(turn.item_id, InternalError("the server failed this turn", hint="its log says why")))
        finally:
            self._counts.turn(how, turn.sound.seconds)

    def _heard(self, turn: Turn) -> Transcription | None:
        """None when nobody wants it any more."""
        if turn.settings.model is None:
            raise InvalidRequest(
                "the session names no model", hint="name one in session.update: audio.input.transcription.model",
                param="session.audio.input.transcription.model",
            )  # fmt: skip
        events = self._ear.listen(turn.settings.model, _request(turn), self._given_up)
        with self._changed:
            self._events = events
            closed = self._closed
        if closed:
            events.cancel()
        for event in events:
            if isinstance(event, HeardSegment) and event.delta:
                self._tell(TurnDelta(turn.item_id, event.delta))
            elif isinstance(event, Transcription):
                return event
        return None

    def _given_up(self) -> bool:
        return self._closed


def _request(turn: Turn) -> TranscriptionRequest:
    settings = turn.settings
    return TranscriptionRequest(
        turn.sound,
        language=settings.language,
        prompt=settings.prompt,
        live=True,
    )
