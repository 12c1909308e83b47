"""The bill of materials for workspaces: clone, convert, doctor, push, and what a listing says of them.

Apart from container.py because these use cases take many parts; each method makes one, importing what it needs then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from domain.catalog.location import ModelSource

if TYPE_CHECKING:
    from application.catalog.inspect_model import InspectModel
    from application.catalog.resolve_model import ResolveModel
    from application.catalog.stores import ModelStores
    from application.hub.hubs import OpenHub
    from application.workspace.check_workspace import CheckWorkspace
    from application.workspace.clone_model import CloneModel
    from application.workspace.convert_model import ConvertModel
    from application.workspace.doctor import Doctor
    from application.workspace.push_workspace import PushWorkspace
    from application.workspace.recalculate_hash import RecalculateHash
    from domain.catalog.report import ModelReport
    from domain.workspace.places import WorkspacePlaces
    from entrypoints.settings import Settings
    from ports.converter import Converter
    from ports.installed_libraries import LibraryInspector
    from ports.memory import MemoryProbe

Clock = Callable[[], datetime]
PUSH_TOKEN = "HF_TOKEN"  # noqa: S105 - the variable's name; no other one publishes anything


class WorkspaceUseCases:
    """Stateless but for its parts."""

    def __init__(self, settings: Settings, stores: ModelStores, libraries: LibraryInspector) -> None:
        self._settings = settings
        self._stores = stores
        self._libraries = libraries
        self._now: Clock = partial(datetime.now, UTC)

    def check(self) -> CheckWorkspace:
        from adapters.workspace_files.local import LocalWorkspaceFiles
        from application.workspace.check_workspace import CheckWorkspace

        return CheckWorkspace(LocalWorkspaceFiles())

    def complete(self, report: ModelReport) -> ModelReport:
        """A listing's report with what the sentinel tells; a listing without workspaces loads nothing for it."""
        return self.check().complete(report) if report.location.source is ModelSource.WORKSPACE else report

    def recalculate(self) -> RecalculateHash:
        from adapters.workspace_files.local import LocalWorkspaceFiles
        from application.workspace.recalculate_hash import RecalculateHash

        return RecalculateHash(LocalWorkspaceFiles(), self._now)

    def clone(self, resolve: ResolveModel, inspect: InspectModel, open_hub: OpenHub) -> CloneModel:
        from adapters.copying.first_that_works import FirstThatWorks, system_copier
        from adapters.copying.handing_over import HandOverCopier
        from adapters.copying.plain import PlainCopier
        from adapters.hub.hub_cache import HubCache
        from adapters.workspace_files.local import LocalWorkspaceFiles
        from adapters.workspace_files.locks import FlockWorkspaceLocks
        from adapters.workspace_files.model_files import LocalSourceFiles
        from adapters.workspace_files.staging import LocalStaging
        from application.workspace.clone_model import CloneModel, CloneTools
        from application.workspace.fetch_snapshot import FetchSnapshot

        return CloneModel(
            CloneTools(
                resolve=resolve,
                inspect=inspect,
                fetch=FetchSnapshot(open_hub, HubCache),
                sources=LocalSourceFiles(),
                staging=LocalStaging(),
                files=LocalWorkspaceFiles(),
                copier=system_copier(),
                hand_over=FirstThatWorks((HandOverCopier(), PlainCopier())),
                places=self._places(),
                locks=FlockWorkspaceLocks(),
                version=_version(),
                now=self._now,
            )
        )

    def convert(self, resolve: ResolveModel, inspect: InspectModel, memory: MemoryProbe) -> ConvertModel:
        from adapters.copying.first_that_works import system_copier
        from adapters.workspace_files.local import LocalWorkspaceFiles
        from adapters.workspace_files.locks import FlockWorkspaceLocks
        from adapters.workspace_files.model_files import LocalSourceFiles
        from adapters.workspace_files.staging import LocalStaging
        from adapters.workspace_files.weight_headers import LocalWeightHeaders
        from application.workspace.convert_model import ConvertModel, ConvertTools

        return ConvertModel(
            ConvertTools(
                resolve=resolve,
                stores=self._stores,
                inspect=inspect,
                libraries=self._libraries,
                sources=LocalSourceFiles(),
                headers=LocalWeightHeaders(),
                staging=LocalStaging(),
                files=LocalWorkspaceFiles(),
                locks=FlockWorkspaceLocks(),
                converter=self._converter(),
                copier=system_copier(),
                memory=memory,
                places=self._places(),
                version=_version(),
                now=self._now,
            )
        )

    def doctor(self, resolve: ResolveModel) -> Doctor:
        from adapters.worker_process.tokenizer_maker import ProcessTokenizerMaker
        from adapters.workspace_files.local import LocalWorkspaceFiles
        from adapters.workspace_files.locks import FlockWorkspaceLocks
        from adapters.workspace_files.staging import LocalStaging
        from adapters.workspace_files.template_check import JinjaTemplateCheck
        from adapters.workspace_files.weight_headers import LocalWeightHeaders
        from application.workspace.doctor import Doctor, DoctorTools

        return Doctor(
            DoctorTools(
                resolve=resolve,
                files=LocalWorkspaceFiles(),
                headers=LocalWeightHeaders(),
                templates=JinjaTemplateCheck(),
                tokenizers=ProcessTokenizerMaker(self._converter()),
                locks=FlockWorkspaceLocks(),
                staging=LocalStaging(),
                places=self._places(),
                now=self._now,
            )
        )

    def push(self, resolve: ResolveModel) -> PushWorkspace:
        from adapters.publishing.hub_publisher import HubPublisher
        from adapters.publishing.model_card import YamlModelCard
        from adapters.workspace_files.local import LocalWorkspaceFiles
        from adapters.workspace_files.locks import FlockWorkspaceLocks
        from adapters.workspace_files.push_files import LocalPushFiles
        from adapters.workspace_files.staging import LocalStaging
        from application.workspace.push_workspace import PushTools, PushWorkspace

        token = self._settings.hf_token.value if self._settings.hf_token.name == PUSH_TOKEN else None
        return PushWorkspace(
            PushTools(
                resolve=resolve,
                stores=self._stores,
                files=LocalWorkspaceFiles(),
                push_files=LocalPushFiles(),
                locks=FlockWorkspaceLocks(),
                staging=LocalStaging(),
                card=YamlModelCard(),
                places=self._places(),
                publisher=lambda: HubPublisher(self._settings.hub.value, token, f"mlxk/{_version()}"),
                authorized=token is not None,
            )
        )

    def _converter(self) -> Converter:
        from adapters.runtime_support.recipes import mixed_recipes
        from adapters.worker_process.converter import ProcessConverter

        return ProcessConverter(self._settings.environ, mixed_recipes)

    def _places(self) -> WorkspacePlaces:
        from domain.workspace.places import WorkspacePlaces

        cache = self._settings.hf_cache_dir.value.absolute()
        return WorkspacePlaces(
            home=self._settings.workspace_home.value,
            current=Path.cwd(),
            user_home=Path.home(),
            caches=tuple(dict.fromkeys((cache, cache.resolve()))),
        )


def _version() -> str:
    from mlxk import __version__

    return __version__
