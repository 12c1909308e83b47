"""Can the server answer a request now?"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

from application.serving.model_pool import ModelPool
from application.serving.worker_watch import WorkerHealth, WorkerWatch

ANSWER_SECONDS = 0.1


class ServerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


NOT_READY = {
    ServerState.STARTING: "the server is starting",
    ServerState.STOPPING: "the server is stopping",
    ServerState.FAILED: "the server could not start",
}


@dataclass(frozen=True, slots=True)
class Readiness:
    """models: names of those that are loaded and alive. reason: why it is not ready, as a sentence; None when it is."""

    ready: bool
    state: ServerState
    models: tuple[str, ...]
    reason: str | None = None


class ServerLifecycle:
    """The server's own state; thread-safe. It starts as STARTING; STOPPING and FAILED are final."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._state = ServerState.STARTING

    @property
    def state(self) -> ServerState:
        return self._state

    def move_to(self, state: ServerState) -> None:
        with self._guard:
            if self._state not in (ServerState.STOPPING, ServerState.FAILED):
                self._state = state


class CheckReadiness:
    """A server is ready when it has come up and every engine that is in memory answers. Blocks for at most
    ANSWER_SECONDS, for engines that are well.
    """

    def __init__(self, lifecycle: ServerLifecycle, pool: ModelPool, watch: WorkerWatch) -> None:
        self._lifecycle = lifecycle
        self._pool = pool
        self._watch = watch

    def execute(self) -> Readiness:
        state = self._lifecycle.state
        health = self._watch.fresh(ANSWER_SECONDS) if state is ServerState.READY else ()
        models = tuple(model.name for model in self._pool.loaded())
        reason = NOT_READY.get(state) or _reason(health)
        return Readiness(ready=reason is None, state=state, models=models, reason=reason)


def _reason(health: tuple[WorkerHealth, ...]) -> str | None:
    trouble = [f"the engine of {each.name} {each.trouble}" for each in health if each.trouble is not None]
    return "; ".join(trouble) or None
