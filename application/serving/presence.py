"""A server lets its user's own commands find it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from application.serving.model_pool import ModelPool
from domain.errors import Conflict
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry, ServerRegister


@dataclass(frozen=True, slots=True)
class HeldModel:
    """name: the model's. load: the token of the way it was loaded. need_bytes: the memory that it counts for."""

    name: str
    load: str
    need_bytes: int


@dataclass(frozen=True, slots=True)
class Introduction:
    """proof: the answer to the challenge. models: what is loaded now. requests: being answered now."""

    proof: str
    models: tuple[HeldModel, ...]
    requests: int


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """process_id: of the process that answers requests; supervisor_id: of the one that answers signals. private: a
    loopback address, where only this machine asks: elsewhere nothing is proved to anybody.
    """

    host: str
    port: int
    process_id: int
    supervisor_id: int
    private: bool


def none_running() -> int:
    return 0


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
        self._private = False
        self._requests = none_running
        self._over = False

    def begin(self, where: Whereabouts, requests: Callable[[], int] = none_running) -> None:
        """requests: how many are being answered. After `fade` or `end` this does nothing. Raises OSError when nothing
        can be written down.
        """
        with self._guard:
            if self._over:
                return
            self._private, self._requests = where.private, requests
            self._entry = ServerEntry(
                where.process_id, where.host, where.port, self._version, self._now(), self._instance,
                where.supervisor_id,
            )  # fmt: skip
            self._register.enter(self._entry)

    def fade(self) -> None:
        """It takes no more requests, and can still be stopped. Idempotent. Raises OSError."""
        with self._guard:
            self._over = True
            if self._entry is not None and not self._entry.stopping:
                self._entry = replace(self._entry, stopping=True)
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
        if entry is None or entry.stopping or not self._private:
            raise Conflict(
                "this server cannot be found by other commands", hint="it must be ready, on a loopback address"
            )
        models = (
            HeldModel(load.model.name, self._instance.load_token(load.identity), load.need_bytes)
            for load in self._pool.loads()
        )
        return Introduction(self._instance.proof(challenge, entry.port), tuple(models), self._requests())
