"""A workspace into another one: quantised, widened, cast, or with its index mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from application.catalog.inspect_model import InspectModel
from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from application.workspace.making import ByteCount, sealed
from domain.catalog.backend import Backend
from domain.catalog.framework import Framework, detect_framework
from domain.catalog.health import judge_health
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import CONFIG, ModelManifest, is_weight_file
from domain.errors import (
    DependencyMissing,
    DiskFull,
    InsufficientMemory,
    InvalidRequest,
    ModelNotRunnable,
    ModelUnhealthy,
)
from domain.workspace.conversion import (
    AFFINE,
    ConversionPlan,
    ConversionWish,
    ConvertMode,
    Forecast,
    forecast,
    library_for,
    present_bits,
)
from domain.workspace.places import WorkspacePlaces
from domain.workspace.progress import OnWork, Stage, WorkProgress, unheard
from domain.workspace.sentinel import Sentinel
from domain.workspace.shard_index import INDEX, Shard, build_index, loaded_shards
from ports.converter import ConversionJob, Converter
from ports.copying import FileCopier
from ports.installed_libraries import LibraryInspector
from ports.memory import MemoryProbe
from ports.source_files import SourceFile, SourceFiles
from ports.staging import Staging, StagingArea
from ports.weight_headers import WeightHeaders
from ports.workspace_files import WorkspaceFiles
from ports.workspace_locks import WorkspaceLocks

RESERVE_BYTES = 64 << 20
_OTHER_WEIGHTS = (".pth", ".pt", ".ckpt", ".index.json")


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    source: str
    target: str
    wish: ConversionWish
    skip_health: bool = False


@dataclass(frozen=True, slots=True)
class ConversionPreview:
    """What will happen, known before anything is written. library: None when no library is needed."""

    source: LocatedModel
    target: Path
    plan: ConversionPlan
    library: Backend | None
    forecast: Forecast
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConversionOutcome:
    """healthy, health_reason: None when the check was skipped. content_hash: None when it can have none."""

    preview: ConversionPreview
    healthy: bool | None
    health_reason: str | None
    content_hash: str | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConvertTools:
    """now: UTC-aware."""

    resolve: ResolveModel
    stores: ModelStores
    inspect: InspectModel
    libraries: LibraryInspector
    sources: SourceFiles
    headers: WeightHeaders
    staging: Staging
    files: WorkspaceFiles
    locks: WorkspaceLocks
    converter: Converter
    copier: FileCopier
    memory: MemoryProbe
    places: WorkspacePlaces
    version: str
    now: Callable[[], datetime]


class ConvertModel:
    """The source is only read. The target is absent until it is complete and, unless the check is skipped, healthy."""

    def __init__(self, tools: ConvertTools) -> None:
        self._tools = tools

    def preview(self, request: ConversionRequest) -> ConversionPreview:
        """Every refusal that can be known beforehand; writes nothing.

        Raises InvalidRequest, ModelNotFound, AmbiguousModel, Conflict, AccessDenied, ModelUnhealthy, ModelNotRunnable,
        UnsupportedMultimodal, DependencyMissing, DiskFull, InsufficientMemory.
        """
        tools = self._tools
        plan = request.wish.plan(tools.converter.recipes())
        source = self._source(request.source)
        target = tools.staging.real(tools.places.path_of(request.target))
        tools.places.require_outside_caches(target, "target")
        tools.staging.require_free(target)
        folder = Path(source.path)
        if target == folder or folder in target.parents or target in folder.parents:
            raise InvalidRequest(f"{target} and {folder} lie inside one another", hint="choose another target")
        manifest = tools.stores.of(source).read(source)
        library = None
        if plan.mode is not ConvertMode.REPAIR_INDEX:
            library = library_for(manifest, plan.mode.value)
            self._require_installed(library, manifest)
            _require_sound(manifest, source, skip=request.skip_health)
        shards = loaded_shards(tools.headers.read(source.path))
        if not shards:
            raise InvalidRequest(
                f"{source.name} has no safetensors weights",
                hint="MLX reads safetensors; convert pickled or GGUF weights with the tools they come from",
                param="source",
            )
        expected = self._forecast(shards, plan, manifest)
        if plan.mode is ConvertMode.REPAIR_INDEX:
            build_index(shards)
        warnings = (*_remarks(plan, manifest, source), *self._require_room(expected, target))
        return ConversionPreview(source, target, plan, library, expected, warnings)

    def execute(self, request: ConversionRequest, work: OnWork = unheard) -> ConversionOutcome:
        """Raises what `preview` raises, ModelUnhealthy (the result is broken), and what ports.converter.Converter
        raises. Whatever is raised, nothing remains.
        """
        preview = self.preview(request)
        tools = self._tools
        with (
            tools.locks.shared(preview.source.path),
            tools.staging.open(preview.target, f"convert:{preview.source.path}") as area,
        ):
            try:
                area.clear()
                return self._made(preview, request, area, work)
            except BaseException:
                area.discard()
                raise

    def _made(
        self, preview: ConversionPreview, request: ConversionRequest, area: StagingArea, work: OnWork
    ) -> ConversionOutcome:
        tools, plan = self._tools, preview.plan
        self._copy(preview, area, work)
        if preview.library is not None:
            total = preview.forecast.disk_bytes
            job = ConversionJob(preview.source.path, area.workspace, preview.library, plan)
            tools.converter.convert(job, lambda told: work(replace(told, total_bytes=total)))
        self._index(area)
        work(WorkProgress(Stage.HASHING))
        sentinel, warnings = sealed(tools.files, area.workspace, self._sentinel(preview), tools.now())
        tools.files.write_sentinel(area.workspace, sentinel)
        outcome = ConversionOutcome(preview, None, None, sentinel.content_hash, (*preview.warnings, *warnings))
        if not request.skip_health:
            work(WorkProgress(Stage.CHECKING))
            report = tools.inspect.execute(LocatedModel(preview.target.name, area.workspace, ModelSource.WORKSPACE))
            if not report.healthy:
                raise ModelUnhealthy(
                    f"the converted model is not sound: {report.health_reason}",
                    hint="--skip-health keeps it all the same",
                )
            outcome = replace(outcome, healthy=True, health_reason=report.health_reason)
        area.publish()
        return outcome

    def _source(self, spec: str) -> LocatedModel:
        location = self._tools.resolve.execute(spec)
        if location.source is ModelSource.CACHE:
            self._tools.places.require_outside_caches(self._tools.staging.real(location.path), "source")
        if location.source is not ModelSource.WORKSPACE:
            raise InvalidRequest(
                f"{location.name} is no workspace", hint=f"make one first: mlxk clone {location.name}", param="source"
            )
        real = self._tools.staging.real(location.path)
        self._tools.places.require_outside_caches(real, "source")
        return replace(location, path=real)

    def _require_installed(self, library: Backend, manifest: ModelManifest) -> None:
        installed = self._tools.libraries.installed()
        table = installed.text if library is Backend.MLX_LM else installed.vision
        if table is None:
            raise DependencyMissing(f"{library.value} is not installed", hint=f"pip install {library.value}")
        if table.module_for(manifest.model_type, manifest.architectures) is None:
            raise ModelNotRunnable(
                f"model_type {manifest.model_type!r} is not known to {library.value}", param="source"
            )

    def _forecast(self, shards: tuple[Shard, ...], plan: ConversionPlan, manifest: ModelManifest) -> Forecast:
        tensors = {name: tensor for shard in shards for name, tensor in shard.tensors.items()}
        return forecast(tensors, plan, manifest.config)

    def _require_room(self, expected: Forecast, target: Path) -> tuple[str, ...]:
        free = self._tools.staging.free_bytes(target)
        if expected.disk_bytes + RESERVE_BYTES > free:
            raise DiskFull(
                f"the result will take about {expected.disk_bytes:,} bytes, the disk has {free:,} free",
                hint="make room, or choose a target on another disk",
                detail={"needed_bytes": expected.disk_bytes, "free_bytes": free},
            )
        memory = self._tools.memory.read()
        if memory is None or expected.memory_bytes <= memory.available_bytes:
            return ()
        words = f"the conversion needs about {expected.memory_bytes:,} bytes of memory"
        if expected.memory_bytes > memory.total_bytes:
            raise InsufficientMemory(
                f"{words}, this machine has {memory.total_bytes:,}", hint="take fewer bits, or a larger machine"
            )
        return (f"{words}, {memory.available_bytes:,} are free: it may be slow",)

    def _copy(self, preview: ConversionPreview, area: StagingArea, work: OnWork) -> None:
        """Everything but the weights, or everything but the index when only that is to be mended."""
        wanted = [each for each in self._tools.sources.of(preview.source) if _is_kept(each, preview.plan)]
        count = ByteCount(work, sum(each.size_bytes for each in wanted))
        for file in wanted:
            count.file = file.path
            if file.link is not None:
                area.link(file.link, file.path)
            else:
                area.copy(file.real, file.path, self._tools.copier, count)

    def _index(self, area: StagingArea) -> None:
        index = build_index(self._tools.headers.read(area.workspace))
        area.write_json(INDEX, index)

    def _sentinel(self, preview: ConversionPreview) -> Sentinel:
        tools, asked = self._tools, preview.plan.quantization
        before = tools.files.sentinel(preview.source.path)
        quantization: dict[str, object] | None = None
        if asked is not None:
            quantization = {"bits": asked.bits, "group_size": asked.group_size}
            quantization |= {} if asked.mode == AFFINE else {"mode": asked.mode}
            quantization |= {} if asked.recipe is None else {"recipe": asked.recipe}
        return Sentinel.new(
            version=tools.version,
            operation="convert",
            now=tools.now(),
            source_repo=before.source_repo if before else None,
            source_revision=before.source_revision if before else None,
            mode=preview.plan.mode.value,
            quantization=quantization,
        )


def _is_kept(file: SourceFile, plan: ConversionPlan) -> bool:
    if plan.mode is ConvertMode.REPAIR_INDEX:
        return file.path != INDEX
    name = file.path.rpartition("/")[2]
    return not (is_weight_file(name) or name.endswith(_OTHER_WEIGHTS) or file.path == CONFIG)


def _require_sound(manifest: ModelManifest, source: LocatedModel, *, skip: bool) -> None:
    """The weights must be whole. An index is made anew, so a wrong one does not matter."""
    health = judge_health(manifest)
    if not (health.healthy or skip or "ndex" in health.reason):
        raise ModelUnhealthy(
            f"{source.name} cannot be converted: {health.reason}",
            hint=f"see `mlxk doctor {source.name}`",
            param="source",
        )


def _remarks(plan: ConversionPlan, manifest: ModelManifest, source: LocatedModel) -> tuple[str, ...]:
    """Warnings about what is asked. Raises InvalidRequest when it would change nothing."""
    bits = present_bits(manifest.config)
    if plan.mode is ConvertMode.DEQUANTIZE and bits is None:
        raise InvalidRequest(f"{source.name} is not quantised", hint="leave --dequantize out", param="source")
    framework, _ = detect_framework(source, manifest)
    if plan.mode is ConvertMode.CAST and plan.dtype is None and framework is Framework.MLX:
        raise InvalidRequest(
            f"{source.name} is an MLX model already: there is nothing to convert",
            hint="say what to change: --quantize, --dequantize, --dtype or --repair-index",
            param="source",
        )
    if plan.quantization is not None and bits is not None:
        return (f"the source has {bits} bits already: quantising it again loses more than quantising the original",)
    return ()
