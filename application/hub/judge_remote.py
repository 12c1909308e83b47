"""Would this model run here? Told from what the hub shows, without its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath

from application.catalog.show_model import ModelDetail, ShowModel
from application.catalog.stores import ModelStores
from domain.hub.remote_model import RemoteModel
from ports.hub import ModelHub
from ports.installed_libraries import LibraryInspector
from ports.memory import MemoryProbe
from ports.remote_sketches import RemoteSketches

StoresAt = Callable[[PurePath], ModelStores]
"""The stores over another cache folder, without the user's workspaces."""


class JudgeRemote:
    """The rules and the reader are those for models that are here: one answer to one question."""

    def __init__(
        self,
        sketches: RemoteSketches,
        stores_at: StoresAt,
        libraries: LibraryInspector,
        memory: MemoryProbe | None = None,
    ) -> None:
        self._sketches = sketches
        self._stores_at = stores_at
        self._libraries = libraries
        self._memory = memory

    def execute(self, model: RemoteModel, hub: ModelHub, weight_headers: int = 1) -> ModelDetail:
        """Raises AccessDenied, DownloadFailed, DownloadRefused."""
        with self._sketches.sketch(model, hub, weight_headers) as folder:
            detail = ShowModel(self._stores_at(folder), self._libraries, self._memory).execute(model.name)
        modified = model.last_modified or detail.report.last_modified
        return replace(detail, report=replace(detail.report, last_modified=modified))
