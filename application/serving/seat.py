"""One model's place in the pool: its worker, who uses it, and the rule that replays run alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum

from domain.catalog import LocatedModel
from domain.errors import EngineDied, MlxkError, ServerShutdown
from domain.serving.load_options import LoadOptions
from domain.serving.model_load import ModelLoad
from ports.model_worker import ModelWorker


class SeatState(Enum):
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    LEAVING = "leaving"


class Seat:
    """Owned by the pool; every field is guarded by the pool's one condition, `changed`.

    claimed: somebody is loading it. draining: it must leave for another model and takes no new requests. users:
    requests that hold the seat, running or waiting; a seat with users is never evicted. Running requests share the
    worker; a replay (a request whose worker died under it) waits until nothing runs and then runs alone, so that a
    request that kills its worker takes nobody with it the second time.
    """

    def __init__(self, load: ModelLoad, changed: threading.Condition) -> None:
        self.load = load
        self.state = SeatState.LOADING
        self.claimed = False
        self.draining = False
        self.last_used = 0
        self.users = 0
        self.restarts = 0
        self.worker: ModelWorker | None = None
        self.failure: MlxkError | None = None
        self._changed = changed
        self._running = 0
        self._alone = False
        self._waiting_alone = 0
        self._restarting = False

    def enter(self, *, alone: bool, given_up: Callable[[], bool]) -> bool:
        """Wait for a turn on the worker. False when `given_up` turned true meanwhile; else `leave` must follow.

        Raises ServerShutdown when the pool closed meanwhile.
        """
        with self._changed:
            self._waiting_alone += alone
            try:
                self._changed.wait_for(lambda: given_up() or self.state is not SeatState.READY or self._free_for(alone))
            finally:
                self._waiting_alone -= alone
                self._changed.notify_all()
            if given_up():
                return False
            if self.state is not SeatState.READY:
                raise self.failure or ServerShutdown("the server is stopping")
            self._running += 1
            self._alone = alone
            return True

    def leave(self) -> None:
        """Give the turn back."""
        with self._changed:
            self._running -= 1
            self._alone = False
            self._changed.notify_all()

    def wake(self) -> None:
        """Let waiting requests look again whether they were given up."""
        with self._changed:
            self._changed.notify_all()

    def live_worker(self, relaunch: Callable[[LocatedModel, LoadOptions], ModelWorker]) -> ModelWorker:
        """The worker, started again first when it has died. One thread restarts it, the others wait for that.

        Raises what `relaunch` raises.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._restarting)
            worker = self.worker
            if worker is not None and worker.alive:
                return worker
            if self.state is not SeatState.READY:
                raise ServerShutdown("the server is stopping")
            self._restarting = True
        fresh: ModelWorker | None = None
        try:
            if worker is not None:
                worker.close()
            fresh = relaunch(self.load.model, self.load.options)
        finally:
            with self._changed:
                self._restarting = False
                self.restarts += fresh is not None
                wanted = self.state is SeatState.READY
                if fresh is not None and wanted:
                    self.worker = fresh
                self._changed.notify_all()
        if not wanted:
            fresh.close()
            raise EngineDied(f"the worker of {self.load.model.name} was stopped while it started again")
        return fresh

    def _free_for(self, alone: bool) -> bool:
        if self._alone or (alone and self._running):
            return False
        return alone or not self._waiting_alone
