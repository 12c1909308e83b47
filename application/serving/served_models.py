"""The models a client may ask the server for."""

from __future__ import annotations

from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListModels, ListQuery
from application.catalog.resolve_model import ResolveModel
from domain.catalog import ModelReport
from domain.catalog.fitness import can_chat


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
