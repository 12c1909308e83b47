"""The bodies of POST /v1/models/load and /v1/models/unload."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.errors import InvalidRequest
from entrypoints.http.schemas.problems import load
from entrypoints.http.schemas.strict import StrictBoolean, StrictSchema, StrictString


class LoadSchema(StrictSchema):
    model = StrictString(required=True)
    pinned = StrictBoolean(load_default=None, allow_none=True)


class UnloadSchema(StrictSchema):
    model = StrictString(required=True)
    force = StrictBoolean(load_default=False)


@dataclass(frozen=True, slots=True)
class LoadBody:
    """pinned: None leaves it as it is. ignored: fields that nobody knows."""

    model: str
    pinned: bool | None
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnloadBody:
    """ignored: fields that nobody knows."""

    model: str
    force: bool
    ignored: tuple[str, ...]


_LOAD, _UNLOAD = LoadSchema(), UnloadSchema()


def parse_load(body: object) -> LoadBody:
    """Raises InvalidRequest."""
    values = load(_LOAD, body)
    return LoadBody(_named(values), values["pinned"], tuple(_LOAD.undeclared(values)))


def parse_unload(body: object) -> UnloadBody:
    """Raises InvalidRequest."""
    values = load(_UNLOAD, body)
    return UnloadBody(_named(values), values["force"], tuple(_UNLOAD.undeclared(values)))


def _named(values: dict[str, Any]) -> str:
    name: str = values["model"]
    if not name.strip():
        raise InvalidRequest("model: must not be empty", hint="GET /v1/models lists the models", param="model")
    return name
