"""What of a workspace goes to a hub, and what that changes there."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.catalog.manifest import CONFIG, SAFETENSORS_INDEX, JsonState, ModelManifest, WeightState
from domain.hub.remote_model import RemoteFile
from domain.workspace.exclusion import RUNTIME_CACHE, SENTINEL

IGNORE_FILE = ".hfignore"
# No line of .hfignore brings these back: they are mlxk's own, secrets, or another tool's history.
NEVER = (
    SENTINEL, f"{RUNTIME_CACHE}/", ".mlxk*", ".git/", ".hg/", ".svn/", ".bzr/", ".env", ".env.*", ".netrc", "token",
    "*.pem", "*.key", "id_rsa*", "id_ed25519*", ".huggingface/", ".cache/",
)  # fmt: skip
DEFAULTS = (".DS_Store", IGNORE_FILE, ".gitignore", "__pycache__/", ".venv/", "venv/", "*.pyc", "*.bak", "*.tmp")
# Made by the hub itself, and needed for its large files.
KEPT_THERE = frozenset({".gitattributes"})
TOKEN_LIKE = re.compile(rb"hf_[A-Za-z0-9]{30,}")
_NUMBERED = re.compile(r"model-(?P<number>\d{5})-of-(?P<total>\d{5})\.safetensors")
WANTED_TAGS = ("mlx", "chat")


class IgnoreRules:
    """Lines as .gitignore has them, as far as globs go: a name anywhere, a path with `/`, a folder with `/` at its end,
    `!` takes a default back. The last line that fits decides.
    """

    def __init__(self, text: str = "") -> None:
        lines = [line.strip() for line in text.splitlines()]
        self._lines = (*DEFAULTS, *(line for line in lines if line and not line.startswith("#")))

    def ignores(self, path: str) -> bool:
        if any(_fits(pattern, path) for pattern in NEVER):
            return True
        verdict = False
        for line in self._lines:
            if _fits(line.removeprefix("!"), path):
                verdict = not line.startswith("!")
        return verdict


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that is to be pushed. path: relative, `/`."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Paths by what a push does to them, each sorted."""

    added: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        return not (self.added or self.modified or self.deleted)

    def counts(self) -> dict[str, int]:
        return {"added": len(self.added), "modified": len(self.modified), "deleted": len(self.deleted)}


def compare_with_hub(
    local: Iterable[LocalFile], remote: Iterable[RemoteFile], same: Callable[[LocalFile, RemoteFile], bool]
) -> ChangeSet:
    """By content. same: asked only for files of equal size."""
    there = {file.path: file for file in remote}
    added, modified = [], []
    for file in local:
        known = there.pop(file.path, None)
        if known is None:
            added.append(file.path)
        elif known.size_bytes != file.size_bytes or not same(file, known):
            modified.append(file.path)
    deleted = sorted(set(there) - KEPT_THERE)
    return ChangeSet(tuple(sorted(added)), tuple(sorted(modified)), tuple(deleted))


@dataclass(frozen=True, slots=True)
class Anomaly:
    """serious: it makes the workspace unhealthy; else a warning."""

    code: str
    message: str
    serious: bool = True
    path: str | None = None


@dataclass(frozen=True, slots=True)
class WorkspaceHealth:
    """The `workspace_health` of --check-only. pattern_complete: None where no file name carries a shard number."""

    files_count: int
    total_bytes: int
    config_exists: bool
    config_valid: bool
    weights_count: int
    formats: tuple[str, ...]
    has_index: bool
    pattern_complete: bool | None
    anomalies: tuple[Anomaly, ...] = ()

    @property
    def healthy(self) -> bool:
        return not any(each.serious for each in self.anomalies)


def workspace_health(manifest: ModelManifest, files: Sequence[LocalFile], tokens: Sequence[str]) -> WorkspaceHealth:
    """files: those that would be pushed. tokens: those of them that hold what looks like a hub token."""
    pushed = {file.path for file in files}
    config = manifest.document(CONFIG).state
    weights = [weight for weight in manifest.weights if weight.path in pushed]
    return WorkspaceHealth(
        files_count=len(files),
        total_bytes=sum(file.size_bytes for file in files),
        config_exists=config is not JsonState.MISSING,
        config_valid=config is JsonState.OBJECT,
        weights_count=len(weights),
        formats=tuple(sorted({weight.name.rpartition(".")[2] for weight in weights})),
        has_index=SAFETENSORS_INDEX in manifest.indexes,
        pattern_complete=_pattern_complete(weight.name for weight in weights),
        anomalies=tuple(_anomalies(manifest, pushed, tokens)),
    )


def _pattern_complete(names: Iterable[str]) -> bool | None:
    numbered = [hit for name in names if (hit := _NUMBERED.fullmatch(name))]
    if not numbered:
        return None
    totals = {int(hit["total"]) for hit in numbered}
    return len(totals) == 1 and {int(hit["number"]) for hit in numbered} == set(range(1, totals.pop() + 1))


def _anomalies(manifest: ModelManifest, pushed: set[str], tokens: Sequence[str]) -> Iterable[Anomaly]:
    config = manifest.document(CONFIG)
    if config.state is JsonState.MISSING:
        yield Anomaly("config_missing", "config.json is missing", path=CONFIG)
    elif not config.usable:
        yield Anomaly("config_invalid_json", "config.json is no JSON object", path=CONFIG)
    yield from _weight_anomalies(manifest, pushed)
    for name, index in manifest.indexes.items():
        if not index.shards:
            yield Anomaly("index_parse_error", f"{name} holds no weight map", path=name)
        for shard in index.shards:
            if shard not in pushed:
                yield Anomaly("index_missing_shard", f"{name} names {shard}, which is not there", path=shard)
    for path in sorted(pushed):
        if path.endswith((".partial", ".incomplete")) or ".partial." in path:
            yield Anomaly("partial_marker", f"{path} looks like half a download", serious=False, path=path)
    for path in tokens:
        yield Anomaly("token_found", f"{path} holds what looks like a hub token", path=path)


def _weight_anomalies(manifest: ModelManifest, pushed: set[str]) -> Iterable[Anomaly]:
    weights = [weight for weight in manifest.weights if weight.path in pushed]
    if not weights:
        yield Anomaly("no_weights_found", "there are no weight files")
    for weight in weights:
        if weight.state is WeightState.EMPTY:
            yield Anomaly("empty_weight_file", f"{weight.path} is empty", path=weight.path)
        elif weight.state is WeightState.LFS_POINTER:
            yield Anomaly("lfs_pointer_detected", f"{weight.path} is a pointer, not the file", path=weight.path)
        elif weight.state is not WeightState.SOUND:
            yield Anomaly("weight_file_broken", f"{weight.path}: {weight.state.value}", path=weight.path)


def card_additions(
    front_matter: Mapping[str, object], *, chats: bool, pipeline: str, origin: str | None
) -> dict[str, object]:
    """What a model card's front matter should say and does not; {} when it is complete."""
    tags = front_matter.get("tags")
    have = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    wanted = [tag for tag in WANTED_TAGS if tag not in have and (tag != "chat" or chats)]
    additions: dict[str, object] = {"tags": [*have, *wanted]} if wanted else {}
    if not front_matter.get("pipeline_tag"):
        additions["pipeline_tag"] = pipeline
    if not front_matter.get("base_model") and origin:
        additions["base_model"] = origin
    return additions


def _fits(pattern: str, path: str) -> bool:
    folder = pattern.endswith("/")
    bare = pattern.strip("/")
    parts = path.split("/")
    if folder:
        anchored = "/" in bare
        prefixes = ["/".join(parts[:count]) for count in range(1, len(parts))]
        return any(fnmatch.fnmatchcase(each if anchored else each.rpartition("/")[2], bare) for each in prefixes)
    if "/" in pattern:
        return fnmatch.fnmatchcase(path, bare)
    return any(fnmatch.fnmatchcase(part, bare) for part in parts)
