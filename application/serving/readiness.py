"""Can the server answer a request now?"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

from application.serving.model_pool import ModelPool


class ServerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Readiness:
    """models: names of those that are loaded and alive."""

    ready: bool
    state: ServerState
    models: tuple[str, ...]


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
    def __init__(self, lifecycle: ServerLifecycle, pool: ModelPool) -> None:
        self._lifecycle = lifecycle
        self._pool = pool

    def execute(self) -> Readiness:
        state = self._lifecycle.state
        models = tuple(model.name for model in self._pool.loaded())
        return Readiness(ready=state is ServerState.READY, state=state, models=models)
