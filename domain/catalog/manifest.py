"""The facts of one model folder, read once; every judgement on the model is a function over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

CONFIG = "config.json"
SAFETENSORS_INDEX = "model.safetensors.index.json"
PYTORCH_INDEX = "pytorch_model.bin.index.json"
PREPROCESSOR = "preprocessor_config.json"
PROCESSOR = "processor_config.json"
IMAGE_PROCESSOR = "image_processor_config.json"
VIDEO_PREPROCESSOR = "video_preprocessor_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
TOKENIZER = "tokenizer.json"
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".gguf")
_NO_WEIGHTS = ("training_args.bin", "optimizer.bin", "scheduler.bin")


class FileEntry(NamedTuple):
    """One file below the folder, links followed. path: relative, with `/`. size_bytes and the nanosecond times are 0
    where there is nothing to follow. problem: why it cannot be a plain readable file ("dangling link", ...), or "".
    """

    path: str
    size_bytes: int
    modified_ns: int
    changed_ns: int
    inode: int
    problem: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def in_root(self) -> bool:
        return "/" not in self.path


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What stat alone tells of a model folder.

    files: sorted by path. findings: what was odd, in words. problem: why there is no folder to read ("No snapshots
    found"), or None. fingerprint: changes whenever any of this does, or a download to this model makes progress.
    """

    files: tuple[FileEntry, ...]
    findings: tuple[str, ...] = ()
    problem: str | None = None
    fingerprint: str = ""
    folder_modified_ns: int = 0

    @property
    def size_bytes(self) -> int:
        """All files; a blob that several names share counts once."""
        return sum({entry.inode: entry.size_bytes for entry in self.files}.values())

    @property
    def modified_ns(self) -> int:
        """The newest file's, else the folder's own."""
        return max((entry.modified_ns for entry in self.files), default=0) or self.folder_modified_ns

    @property
    def changed_ns(self) -> int:
        """The newest change of any kind, for telling whether the listing can be trusted to differ next time."""
        return max((max(entry.changed_ns, entry.modified_ns) for entry in self.files), default=0)


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


@dataclass(frozen=True)
class ModelManifest:
    """Everything the rules may know of a model folder.

    incomplete_downloads: partial files that the hub library left for this model.
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

    @cached_property
    def config(self) -> Mapping[str, object]:
        """config.json, {} when it is unusable."""
        return self.document(CONFIG).value

    @cached_property
    def model_type(self) -> str:
        """config.json's model_type as it is written there, "" when absent or no text."""
        value = self.config.get("model_type")
        return value if isinstance(value, str) else ""

    @cached_property
    def architectures(self) -> tuple[str, ...]:
        return texts(self.config.get("architectures"))

    @cached_property
    def paths(self) -> frozenset[str]:
        """The files with something behind them, by path."""
        return frozenset(entry.path for entry in self.listing.files if not entry.problem)

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


def is_weight_file(name: str) -> bool:
    """Whether a file of this name holds weights: safetensors, PyTorch, GGUF, or the npz of early MLX models."""
    if name.endswith(_WEIGHT_SUFFIXES):
        return name not in _NO_WEIGHTS
    return name.startswith("weights") and name.endswith(".npz")


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
