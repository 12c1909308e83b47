"""Everything mlxk says about one model."""

from __future__ import annotations

from application.catalog.stores import ModelStores
from domain.catalog.judge import judge
from domain.catalog.location import LocatedModel
from domain.catalog.report import ModelReport
from ports.installed_libraries import LibraryInspector


class InspectModel:
    def __init__(self, stores: ModelStores, libraries: LibraryInspector) -> None:
        self._stores = stores
        self._libraries = libraries

    def execute(self, location: LocatedModel) -> ModelReport:
        """Reads the folder afresh; a folder that is gone meanwhile is an unhealthy model, no error."""
        manifest = self._stores.of(location).read(location)
        return judge(location, manifest, self._libraries.installed())
