"""One model in detail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from application.catalog.completion import Complete, unchanged
from application.catalog.resolve_model import ResolveModel
from application.catalog.stores import ModelStores
from domain.catalog.capability import Capability, TypeLabel
from domain.catalog.judge import judge
from domain.catalog.manifest import ModelManifest, is_weight_file, section
from domain.catalog.printable import printable
from domain.catalog.report import ModelReport
from domain.inference.context_length import context_length
from domain.numbers import whole_number
from domain.serving.memory_policy import MemoryForecast, forecast
from ports.installed_libraries import LibraryInspector
from ports.memory import MemoryProbe

_TOKENIZER_PREFIXES = (
    "tokenizer",
    "vocab",
    "merges",
    "special_tokens",
    "added_tokens",
    "spiece",
    "sentencepiece",
    "tekken",
)


class FileKind(StrEnum):
    CONFIG = "config"
    WEIGHTS = "weights"
    TOKENIZER = "tokenizer"
    README = "readme"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """name: relative to the model's folder, with `/`."""

    name: str
    size_bytes: int
    kind: FileKind


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """Numbers from config.json (at the top level, else in text_config); None where it does not say."""

    model_type: str | None
    architecture: str | None
    quantization: str | None
    context_length: int | None
    vocab_size: int | None
    hidden_size: int | None
    layers: int | None
    heads: int | None


@dataclass(frozen=True, slots=True)
class ModelDetail:
    """quantization: config.json's own object, None when the model is not quantised. memory: what it will take; None for
    models that write no text.
    """

    report: ModelReport
    files: tuple[ModelFile, ...]
    config: Mapping[str, object]
    quantization: Mapping[str, object] | None
    metadata: ModelMetadata
    memory: MemoryForecast | None = None


class ShowModel:
    """memory: None leaves out what the model will take. complete: adds what the sentinel of a workspace tells."""

    def __init__(
        self,
        stores: ModelStores,
        libraries: LibraryInspector,
        memory: MemoryProbe | None = None,
        complete: Complete = unchanged,
    ) -> None:
        self._stores = stores
        self._libraries = libraries
        self._memory = memory
        self._complete = complete
        self._resolve = ResolveModel(stores)

    def execute(self, spec: str) -> ModelDetail:
        """Raises InvalidRequest, ModelNotFound, AmbiguousModel."""
        location = self._resolve.execute(spec)
        manifest = self._stores.of(location).read(location)
        config = manifest.config
        report = self._complete(judge(location, manifest, self._libraries.installed()))
        return ModelDetail(
            report=report,
            files=tuple(
                ModelFile(printable(entry.path), entry.size_bytes, file_kind(entry.name))
                for entry in manifest.listing.files
            ),
            config=config,
            quantization=section(config, "quantization") or section(config, "quantization_config") or None,
            metadata=_metadata(manifest, report),
            memory=self._forecast(report, config),
        )

    def _forecast(self, report: ModelReport, config: Mapping[str, object]) -> MemoryForecast | None:
        if Capability.TEXT_GENERATION not in report.capabilities or not config:
            return None
        return forecast(config, report.weights_bytes, self._memory.read() if self._memory else None)


def file_kind(name: str) -> FileKind:
    """What a file is for, by its name."""
    lowered = name.lower()
    if is_weight_file(lowered):
        return FileKind.WEIGHTS
    if lowered.startswith("readme"):
        return FileKind.README
    if lowered.startswith(_TOKENIZER_PREFIXES) or lowered.endswith((".tiktoken", ".model")):
        return FileKind.TOKENIZER
    if lowered.endswith((".json", ".jinja")):
        return FileKind.CONFIG
    return FileKind.OTHER


def _metadata(manifest: ModelManifest, report: ModelReport) -> ModelMetadata:
    """What hears or speaks has no context that its configuration tells."""
    config = manifest.config
    quantization = section(config, "quantization") or section(config, "quantization_config")
    bits = whole_number(quantization.get("bits"))
    return ModelMetadata(
        model_type=manifest.model_type or None,
        architecture=next(iter(manifest.architectures), None),
        quantization=None if bits is None else f"{bits}bit",
        context_length=context_length(config) if config and report.model_type != TypeLabel.AUDIO else None,
        vocab_size=_stated(config, "vocab_size"),
        hidden_size=_stated(config, "hidden_size", "n_embd", "d_model"),
        layers=_stated(config, "num_hidden_layers", "n_layer", "num_layers"),
        heads=_stated(config, "num_attention_heads", "n_head"),
    )


def _stated(config: Mapping[str, object], *keys: str) -> int | None:
    for place in (config, section(config, "text_config")):
        for key in keys:
            value = whole_number(place.get(key))
            if value is not None:
                return value
    return None
