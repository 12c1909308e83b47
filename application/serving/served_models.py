"""The models a client may ask the server for."""

from __future__ import annotations

from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.resolve_model import ResolveModel
from domain.catalog import LocatedModel, ModelReport
from domain.catalog.fitness import can_chat
from domain.catalog.model_ref import ModelRef
from domain.errors import ModelNotFound


class ResolveServedModel:
    """Names from clients: a folder is none, unless the server was started with it."""

    def __init__(self, resolve: ResolveModel, preload: str | None) -> None:
        self._resolve = resolve
        self._preload = preload

    def execute(self, spec: str) -> LocatedModel:
        """Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        if spec != self._preload and ModelRef.parse(spec).is_path:
            raise ModelNotFound(
                f"{spec!r} is a path; clients name models", hint="GET /v1/models lists them", param="model"
            )
        return self._resolve.execute(spec)


class ListServedModels:
    """Healthy models that run here and write text; the preloaded one first, wherever it lies, the others by name."""

    def __init__(
        self, list_models: ListModels, resolve: ResolveModel, inspect: InspectModel, preload: str | None
    ) -> None:
        self._list = list_models
        self._resolve = resolve
        self._inspect = inspect
        self._preload = preload

    def execute(self) -> tuple[ModelReport, ...]:
        reports = tuple(report for report in self._list.execute(ListQuery()) if can_chat(report))
        if self._preload is None:
            return reports
        first = self._inspect.execute(self._resolve.execute(self._preload))
        return (first, *(each for each in reports if each.location.identity != first.location.identity))
