"""One model's place in the pool: its worker, who uses it, and the rule that replays run alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from domain.errors import MlxkError, ServerShutdown
from domain.serving.model_load import ModelLoad
from ports.model_worker import ModelWorker


class SeatState(Enum):
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    LEAVING = "leaving"


class Seat:
    """Owned by the pool; every field is guarded by the pool's one lock. news: shares it, for those who wait for this
    seat: until it is loaded, for a turn on its worker, for a new worker.

    claimed: somebody is loading it. draining: it must leave for another model. unwanted: it was told to leave. Either
    way it takes no new requests. trial: its one user finds out whether a suspended model lives. users: requests that
    hold the seat, running or waiting; a seat with users is never evicted. ready_at: when it was loaded; idle_since:
    when its last user left; both in the clock's seconds. restarting: a new worker is being started. mourned: the dead
    worker that has been counted. Running requests share the worker; a replay (a request whose worker died under it)
    waits until nothing runs and then runs alone, so that a request that kills its worker takes nobody with it the
    second time.
    """

    def __init__(self, load: ModelLoad, lock: threading.RLock) -> None:
        self.load = load
        self.pinned = load.keeping.pinned
        self.state = SeatState.LOADING
        self.claimed = False
        self.draining = False
        self.unwanted = False
        self.trial = False
        self.last_used = 0
        self.users = 0
        self.ready_at = 0.0
        self.idle_since = 0.0
        self.worker: ModelWorker | None = None
        self.mourned: ModelWorker | None = None
        self.restarting = False
        self.failure: MlxkError | None = None
        self.news = threading.Condition(lock)
        self._running = 0
        self._alone = False
        self._waiting_alone = 0

    @property
    def open(self) -> bool:
        """It takes new requests."""
        return self.state in (SeatState.LOADING, SeatState.READY) and not self.draining and not self.unwanted

    @property
    def living_worker(self) -> ModelWorker | None:
        """None also when it has died."""
        worker = self.worker
        return worker if worker is not None and worker.alive else None

    @property
    def gone(self) -> MlxkError:
        """What requests get that the seat has left behind."""
        return self.failure or ServerShutdown("the server is stopping")

    def enter(self, *, alone: bool, given_up: Callable[[], bool]) -> bool:
        """Wait for a turn on the worker. False when `given_up` turned true meanwhile; else `leave` must follow.

        Raises what `gone` says when the seat has left meanwhile.
        """
        with self.news:
            self._waiting_alone += alone
            try:
                self.news.wait_for(lambda: given_up() or self.state is not SeatState.READY or self._free_for(alone))
            finally:
                self._waiting_alone -= alone
                self.news.notify_all()
            if given_up():
                return False
            if self.state is not SeatState.READY:
                raise self.gone
            self._running += 1
            self._alone = alone
            return True

    def leave(self) -> None:
        """Give the turn back."""
        with self.news:
            self._running -= 1
            self._alone = False
            self.news.notify_all()

    def wake(self) -> None:
        """Let waiting requests look again whether they were given up."""
        with self.news:
            self.news.notify_all()

    def _free_for(self, alone: bool) -> bool:
        if self._alone or (alone and self._running):
            return False
        return alone or not self._waiting_alone
