"""How one model stands in a server."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ModelState(StrEnum):
    """As clients see it. DRAINING: it must leave and takes no new requests. SUSPENDED: its worker died too often; a
    trial comes after a pause. A model that nobody has loaded is UNLOADED.
    """

    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class ModelStanding:
    """One model, loaded one way, that the server holds or has held. name: in full. identity: ModelLoad.identity,
    model_identity: LocatedModel.identity; not for clients, they hold a path. users: requests that run or wait for a
    turn on its worker. waiting: requests in line for the model to come in. loads: times it was brought in, restarts not
    counted. restarts: new workers for dead ones. load_seconds: what the last load or restart took, None before the
    first. memory_bytes: active memory after loading, None when it is not loaded. idle_seconds: since the last request
    ended, None while one runs or when it is not loaded.
    """

    name: str
    identity: str
    state: ModelState
    users: int = 0
    waiting: int = 0
    loads: int = 0
    restarts: int = 0
    load_seconds: float | None = None
    memory_bytes: int | None = None
    pinned: bool = False
    idle_seconds: float | None = None
    model_identity: str = ""
