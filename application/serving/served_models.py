"""The models a client may ask the server for."""

from __future__ import annotations

import threading

from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.resolve_model import ResolveModel
from domain.catalog import LocatedModel, ModelReport
from domain.catalog.fitness import can_chat
from domain.catalog.model_ref import ModelRef
from domain.errors import ModelNotFound


class FirstModel:
    """The model the server was started with. Its name is resolved once: what it means must not change while the server
    runs. Thread-safe.
    """

    def __init__(self, resolve: ResolveModel, spec: str | None) -> None:
        self._resolve = resolve
        self._guard = threading.Lock()
        self._location: LocatedModel | None = None
        self.spec = spec

    def locate(self) -> LocatedModel | None:
        """None when the server was started without one. Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        with self._guard:
            if self._location is None and self.spec is not None:
                self._location = self._resolve.execute(self.spec)
            return self._location


class ResolveServedModel:
    """Names from clients: a folder is none, unless the server was started with it."""

    def __init__(self, resolve: ResolveModel, first: FirstModel) -> None:
        self._resolve = resolve
        self._first = first

    def execute(self, spec: str) -> LocatedModel:
        """Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        if spec == self._first.spec and (location := self._first.locate()) is not None:
            return location
        if ModelRef.parse(spec).is_path:
            raise ModelNotFound(
                f"{spec!r} is a path; clients name models", hint="GET /v1/models lists them", param="model"
            )
        return self._resolve.execute(spec)


class ListServedModels:
    """Healthy models that run here and write text; the preloaded one first, wherever it lies, the others by name."""

    def __init__(self, list_models: ListModels, inspect: InspectModel, first: FirstModel) -> None:
        self._list = list_models
        self._inspect = inspect
        self._first = first

    def execute(self) -> tuple[ModelReport, ...]:
        reports = tuple(report for report in self._list.execute(ListQuery()) if can_chat(report))
        location = self._first.locate()
        if location is None:
            return reports
        others = tuple(each for each in reports if each.location.identity != location.identity)
        first = self._inspect.execute(location)
        return (first, *others) if can_chat(first) else others
