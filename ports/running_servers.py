"""Servers of ours that run on this machine: how they let themselves be found, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.inference import GenerationRequest
from domain.serving.server_instance import ServerInstance
from ports.model_worker import GenerationStream


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """host: the address it is bound to. version: mlxk's. started: seconds since 1970. supervisor_id: the process that
    answers signals, 0 for process_id itself. stopping: it takes no more requests. born: what tells both processes from
    later ones of their numbers, in this order; the register fills it in.
    """

    process_id: int
    host: str
    port: int
    version: str
    started: float
    instance: ServerInstance
    supervisor_id: int = 0
    stopping: bool = False
    born: tuple[str, str] = field(default=("", ""), compare=False)

    @property
    def signalled_id(self) -> int:
        return self.supervisor_id or self.process_id


class ServerRegister(Protocol):
    """Where a server enters itself; only its user can read it."""

    def enter(self, entry: ServerEntry) -> None:
        """Replaces an entry of the same process, and sweeps those of processes that are gone. Raises OSError."""

    def leave(self, process_id: int) -> None:
        """Takes the entry back. One that is not there is no error. Raises OSError."""


class RunningServer(Protocol):
    """A server that has proved to be this user's own, of this version of mlxk, and answers now."""

    def holds(self, identity: str) -> bool:
        """Whether it had this load (ModelLoad.identity) ready when it was found."""

    def ask(self, identity: str, name: str, request: GenerationRequest, *, streamed: bool) -> GenerationStream:
        """Start a request on a model that it holds; nothing is sent before the server has proved itself again.
        name: the model's, for the server's log and answer. Raises nothing; cancelling hangs up.

        The first read raises ServerShutdown when the server is gone or no longer that one, ServerBusy,
        ModelNotFound when it holds the model no longer, PayloadTooLarge, or what the request itself raises; a
        connection that breaks later is EngineDied.
        """


class RunningServers(Protocol):
    def reachable(self) -> Sequence[RunningServer]:
        """The latest first. A server that is gone, slow to answer or strange is left out: this never raises and takes
        a fraction of a second at worst. Entries of servers that are gone are swept on the way.
        """
