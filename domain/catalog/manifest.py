"""The facts of one model folder, read once; every judgement on the model is a function over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from domain.catalog.listing import CONFIG as CONFIG  # noqa: PLC0414 - part of this module too
from domain.catalog.listing import FolderListing

SAFETENSORS_INDEX = "model.safetensors.index.json"
PYTORCH_INDEX = "pytorch_model.bin.index.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
IMAGE_PROCESSOR = "image_processor_config.json"
VIDEO_PREPROCESSOR = "video_preprocessor_config.json"
# Where models that also speak keep the configs of their other senses.
THINKER = "thinker_config"
TOKENIZER_CONFIG = "tokenizer_config.json"
TOKENIZER = "tokenizer.json"
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".gguf")
_INDEX_KINDS = ((SAFETENSORS_INDEX, ".safetensors"), (PYTORCH_INDEX, ".bin"))
_NO_WEIGHTS = ("training_args.bin", "optimizer.bin", "scheduler.bin")


class JsonState(StrEnum):
    OBJECT = "object"
    MISSING = "missing"
    EMPTY = "empty"
    INVALID = "invalid"
    NOT_OBJECT = "not an object"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too large"


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """A small JSON file. value: {} unless state is OBJECT. detail: what was wrong, in words."""

    state: JsonState
    value: Mapping[str, object] = field(default_factory=dict)
    detail: str = ""

    @property
    def usable(self) -> bool:
        return self.state is JsonState.OBJECT


ABSENT = JsonDocument(JsonState.MISSING)


@dataclass(frozen=True, slots=True)
class ShardIndex:
    """An index file of sharded weights. shards: the files it names, sorted, each once; () when its map is unusable."""

    document: JsonState
    shards: tuple[str, ...] = ()


class WeightState(StrEnum):
    """What the beginning of a weight file says."""

    SOUND = "sound"
    EMPTY = "empty"
    LFS_POINTER = "lfs pointer"
    BAD_HEADER = "bad header"
    WRONG_LENGTH = "wrong length"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A weight file. detail: numbers behind a WRONG_LENGTH or BAD_HEADER. made_by_mlx: its metadata says so."""

    path: str
    size_bytes: int
    state: WeightState
    detail: str = ""
    made_by_mlx: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def in_root(self) -> bool:
        return "/" not in self.path


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """The chat template. source: the file it stands in. tools, reasoning: whether its text deals with them."""

    source: str
    tools: bool
    reasoning: bool


@dataclass(frozen=True, slots=True)
class ReadmeFacts:
    """The README's front matter, as far as it concerns us. Absent keys are empty."""

    tags: tuple[str, ...] = ()
    library_name: str = ""
    pipeline_tag: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceFacts:
    """The sentinel of a managed workspace, as it was written."""

    source_repo: str | None = None
    content_hash: str | None = None
    hash_modified: str | None = None


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """Everything the rules may know of a model folder.

    incomplete_downloads: partial files that the hub library left for this model.
    Derived: config, {} when config.json is unusable; model_type as it is written there, "" when absent or no text;
    architectures; paths of the files with something behind them; active_index, the index that decides which files are
    the model (one counts only where weights of its kind exist); model_weights, the files that are the model: those the
    index names, else those in the root, else those below.
    """

    listing: FolderListing
    incomplete_downloads: int = 0
    documents: Mapping[str, JsonDocument] = field(default_factory=dict)
    indexes: Mapping[str, ShardIndex] = field(default_factory=dict)
    weights: tuple[WeightFile, ...] = ()
    template: TemplateFacts | None = None
    readme: ReadmeFacts = ReadmeFacts()
    workspace: WorkspaceFacts | None = None
    findings: tuple[str, ...] = ()
    config: Mapping[str, object] = field(init=False)
    model_type: str = field(init=False)
    architectures: tuple[str, ...] = field(init=False)
    paths: frozenset[str] = field(init=False)
    active_index: ShardIndex | None = field(init=False)
    model_weights: tuple[WeightFile, ...] = field(init=False)

    def __post_init__(self) -> None:
        config = self.document(CONFIG).value
        kind = config.get("model_type")
        index = _active_index(self.indexes, self.weights)
        derived = {
            "config": config,
            "model_type": kind if isinstance(kind, str) else "",
            "architectures": texts(config.get("architectures")),
            "paths": frozenset([entry.path for entry in self.listing.files if not entry.problem]),
            "active_index": index,
            "model_weights": _model_weights(index, self.weights),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def weights_bytes(self) -> int:
        return sum(weight.size_bytes for weight in self.weights)

    def document(self, name: str) -> JsonDocument:
        """A JSON file in the root; ABSENT when it is not there."""
        return self.documents.get(name, ABSENT)

    def has(self, name: str) -> bool:
        """Whether a file of this path is there, with something behind it."""
        return name in self.paths

    def has_any(self, names: Sequence[str]) -> bool:
        return not self.paths.isdisjoint(names)


def _active_index(indexes: Mapping[str, ShardIndex], weights: Sequence[WeightFile]) -> ShardIndex | None:
    for name, suffix in _INDEX_KINDS:
        index = indexes.get(name)
        if index is not None and any(weight.path.endswith(suffix) for weight in weights):
            return index
    return None


def _model_weights(index: ShardIndex | None, weights: tuple[WeightFile, ...]) -> tuple[WeightFile, ...]:
    if index is not None:
        shards = set(index.shards)
        return tuple(weight for weight in weights if weight.path in shards)
    return tuple(weight for weight in weights if weight.in_root) or weights


def is_weight_file(name: str) -> bool:
    """Whether a file of this name or path holds weights: safetensors, PyTorch, GGUF, or the npz of early MLX models."""
    if name.endswith(_WEIGHT_SUFFIXES):
        return not name.endswith(_NO_WEIGHTS)
    return name.endswith(".npz") and name.rpartition("/")[2].startswith("weights")


def texts(value: object) -> tuple[str, ...]:
    """The strings of a value that should be a string or a list of strings; () for anything else."""
    if isinstance(value, str):
        return (value,) if value else ()
    if isinstance(value, list | tuple):
        return tuple(item for item in value if isinstance(item, str) and item)
    return ()


def section(config: Mapping[str, object], name: str) -> Mapping[str, object]:
    """A nested object of a config, {} when it is absent or no object."""
    value = config.get(name)
    return value if isinstance(value, dict) else {}
