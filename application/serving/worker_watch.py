"""Somebody asks the engines now and then how they are, and ends those that do not answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from application.serving.watched_workers import WatchedWorker
from domain.errors import MlxkError
from domain.serving.heartbeat import Condition, Heartbeat, HeartLimits, complaint, condition
from domain.serving.vitals import EngineTotals, EngineVitals
from domain.serving.worker_death import DeathCause

_LOG = logging.getLogger(__name__)
REVIVAL_SECONDS = 10.0
DEAD = "has died and is not back yet"


@dataclass(frozen=True, slots=True)
class WatchTimes:
    """interval_seconds: between two questions, while requests run. revival_seconds: between two attempts to bring back
    what has died and nobody asks for. clock: monotonic seconds.
    """

    clock: Callable[[], float]
    limits: HeartLimits = field(default_factory=HeartLimits)
    interval_seconds: float = 1.5
    revival_seconds: float = REVIVAL_SECONDS


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One worker. trouble: why requests cannot count on it, as a clause; None when they can."""

    name: str
    process_id: int
    trouble: str | None
    vitals: EngineVitals | None


@dataclass(slots=True)
class _Watched:
    heartbeat: Heartbeat
    looked_at: float
    totals: EngineTotals = field(default_factory=EngineTotals)


class WorkerWatch:
    """Thread-safe. A thread of its own asks while requests run or a question is open; on an idle machine nothing wakes.
    A worker is watched from its loading until it is closed; one that has died meanwhile is in trouble until whoever
    holds it closes it, which `revives_by` is there for.

    Totals and deaths are of all workers there have been, by model.
    """

    def __init__(self, times: WatchTimes) -> None:
        self._times = times
        self._changed = threading.Condition()
        self._watched: dict[WatchedWorker, _Watched] = {}
        self._totals: dict[str, EngineTotals] = {}
        self._deaths: dict[tuple[str, DeathCause], int] = {}
        self._revive: Callable[[], None] | None = None
        self._revived_at: float | None = None
        self._reviving = False
        self._missing: list[WorkerHealth] = []  # closed by a revival, and not back yet
        self._thread: threading.Thread | None = None
        self._stirred = False
        self._closed = False

    def revives_by(self, revive: Callable[[], None]) -> None:
        """revive: start workers again that have died; blocks, raises MlxkError. Called from a thread of its own."""
        self._revive = revive

    def add(self, worker: WatchedWorker) -> None:
        with self._changed:
            self._watched[worker] = _Watched(Heartbeat(), self._times.clock())
        self._ask(worker)  # what its steps may take is known before the first one
        self.stir()

    def drop(self, worker: WatchedWorker, cause: DeathCause | None) -> None:
        """It was closed. cause: how it had died before."""
        with self._changed:
            if self._watched.pop(worker, None) is not None and cause is not None:
                name, process_id = worker.loaded.name, worker.loaded.process_id
                self._deaths[name, cause] = self._deaths.get((name, cause), 0) + 1
                if self._reviving:
                    self._missing.append(WorkerHealth(name, process_id, DEAD, None))
            self._changed.notify_all()

    def stir(self) -> None:
        """A request runs."""
        with self._changed:
            if self._stirred or self._closed:
                return
            self._stirred = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._attend, name="mlxk-watch", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def look(self) -> tuple[WorkerHealth, ...]:
        """Ask all engines again and judge what is known; what hangs is ended. Returns at once."""
        return self.fresh(0.0)

    def fresh(self, seconds: float) -> tuple[WorkerHealth, ...]:
        """As `look`, after waiting so long at most for the answers."""
        with self._changed:
            workers = list(self._watched)
        for worker in workers:
            self._ask(worker)
        if seconds:
            with self._changed:
                self._changed.wait_for(lambda: not self._asked(), seconds)
        health = tuple(found for worker in workers if (found := self._judge(worker)) is not None)
        if any(not worker.alive for worker in workers):
            self._start_again()
        if self._open():
            self.stir()
        with self._changed:
            return (*health, *self._missing)

    def totals(self) -> Mapping[str, EngineTotals]:
        """By model, as far as the engines have told."""
        with self._changed:
            return dict(self._totals)

    def deaths(self) -> Mapping[tuple[str, DeathCause], int]:
        """By model and cause; those that have just died included."""
        with self._changed:
            counted = dict(self._deaths)
            for worker in self._watched:
                if (cause := worker.death) is not None:
                    key = worker.loaded.name, cause
                    counted[key] = counted.get(key, 0) + 1
        return counted

    def close(self) -> None:
        """Watch no more. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ask(self, worker: WatchedWorker) -> None:
        with self._changed:
            watched = self._watched.get(worker)
            if watched is None:
                return
            now = self._times.clock()
            most = 2 * self._times.interval_seconds
            watched.heartbeat = watched.heartbeat.later(now - watched.looked_at, most).asked_again()
            watched.looked_at = now
        worker.ask_vitals(lambda vitals: self._hear(worker, vitals))

    def _hear(self, worker: WatchedWorker, vitals: EngineVitals) -> None:
        with self._changed:
            watched = self._watched.get(worker)
            if watched is None:
                return
            watched.heartbeat = watched.heartbeat.answered(vitals)
            name = worker.loaded.name
            known = self._totals.get(name, EngineTotals())
            self._totals[name] = known.plus(vitals.totals.since(watched.totals))
            watched.totals = vitals.totals
            self._changed.notify_all()

    def _judge(self, worker: WatchedWorker) -> WorkerHealth | None:
        with self._changed:
            watched = self._watched.get(worker)
        if watched is None:
            return None
        heartbeat, limits = watched.heartbeat, self._times.limits
        state = condition(heartbeat, limits)
        trouble = None if state is Condition.WELL else complaint(heartbeat, limits)
        if not worker.alive:
            trouble = DEAD
        elif state is Condition.HUNG and trouble is not None:
            _LOG.error("the engine process of %s (process %d) %s: it is ended", worker.loaded.name,
                       worker.loaded.process_id, trouble)  # fmt: skip
            worker.kill(trouble)
        return WorkerHealth(worker.loaded.name, worker.loaded.process_id, trouble, heartbeat.last)

    def _start_again(self) -> None:
        """In a thread of its own, and not more often than every `revival_seconds`: a model may die again and again."""
        with self._changed:
            revive, now = self._revive, self._times.clock()
            lately = self._revived_at is not None and now - self._revived_at < self._times.revival_seconds
            if revive is None or self._reviving or lately or self._closed:
                return
            self._reviving, self._revived_at = True, now
        threading.Thread(target=self._run_revival, args=(revive,), name="mlxk-revive", daemon=True).start()

    def _run_revival(self, revive: Callable[[], None]) -> None:
        try:
            revive()
        except MlxkError as fault:
            if not self._closed:
                _LOG.warning("a model's worker cannot be started again: %s", fault.message)
        finally:
            with self._changed:
                self._reviving = False
                self._missing.clear()
                self._changed.notify_all()

    def _asked(self) -> bool:
        return any(watched.heartbeat.asked and worker.alive for worker, watched in self._watched.items())

    def _open(self) -> bool:
        """Whether there is something to come back for."""
        with self._changed:
            return any(
                worker.alive and (worker.busy or watched.heartbeat.unsettled)
                for worker, watched in self._watched.items()
            )

    # The watch's own thread

    def _attend(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._stirred)
                self._stirred = False
                self._changed.wait_for(lambda: self._closed, self._times.interval_seconds)
                if self._closed:
                    return
            if self._open():
                self.look()
