"""A server lets its user's own commands find it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from application.serving.model_pool import ModelPool
from domain.errors import Conflict
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry, ServerRegister


@dataclass(frozen=True, slots=True)
class HeldModel:
    """name: the model's. load: the token of the way it was loaded."""

    name: str
    load: str


@dataclass(frozen=True, slots=True)
class Introduction:
    """proof: the answer to the challenge. models: what is loaded now."""

    proof: str
    models: tuple[HeldModel, ...]


class Presence:
    """Thread-safe. version: mlxk's. now: seconds since 1970."""

    def __init__(
        self,
        register: ServerRegister,
        pool: ModelPool,
        instance: ServerInstance,
        version: str,
        now: Callable[[], float],
    ) -> None:
        self._register = register
        self._pool = pool
        self._instance = instance
        self._version = version
        self._now = now
        self._guard = threading.Lock()
        self._entry: ServerEntry | None = None
        self._over = False

    def begin(self, host: str, port: int, process_id: int) -> None:
        """host: a loopback address. After `end` this does nothing. Raises OSError when nothing can be written down."""
        with self._guard:
            if self._over:
                return
            self._entry = ServerEntry(process_id, host, port, self._version, self._now(), self._instance)
            self._register.enter(self._entry)

    def end(self) -> None:
        """Idempotent. Raises OSError."""
        with self._guard:
            self._over = True
            entry, self._entry = self._entry, None
            if entry is not None:
                self._register.leave(entry.process_id)

    def admits(self, offered: str, nonce: str, method: str, path: str) -> bool:
        """Whether this request comes from a command that has read this server's entry (ServerInstance.pass_for)."""
        entry = self._entry
        return entry is not None and self._instance.admits(offered, nonce, entry.port, method, path)

    def introduce(self, challenge: str) -> Introduction:
        """Raises Conflict while the server cannot be found."""
        entry = self._entry
        if entry is None:
            raise Conflict(
                "this server cannot be found by other commands", hint="it must be ready, on a loopback address"
            )
        models = (HeldModel(load.model.name, self._instance.load_token(load.identity)) for load in self._pool.loads())
        return Introduction(self._instance.proof(challenge, entry.port), tuple(models))
