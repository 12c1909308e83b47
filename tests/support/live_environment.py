"""What the environment says about the groups of live tests. Pure: a mapping in, values or a reason to skip out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REAL_HUB = "https://huggingface.co"
# Small, public, and sound: what is pulled from a real hub.
PULLED_MODEL = "mlx-community/Qwen2.5-0.5B-Instruct-4bit"
NO_SPACE = "Not enough free space"
NO_MODEL = "User model not found"
NO_INDEX = "No safetensors index found"
# Every variable: its default, and what it is for. The testing page is made from this table.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "MLXK2_USER_HF_HOME": ("`HF_HOME`", "the cache that real models are read from; tests never write there"),
    "MLXK2_LIVE_PUSH": ("0", "1: push to a real hub; wants the next two and `HF_TOKEN`"),
    "MLXK2_LIVE_REPO": ("", "the repository to push to, `me/name`"),
    "MLXK2_LIVE_WORKSPACE": ("", "the workspace to push, a folder"),
    "HF_TOKEN": ("", "the token for a real hub"),
    "HF_ENDPOINT": (REAL_HUB, "the real hub"),
    "MLXK2_LIVE_CLONE": ("0", "1: clone from a real hub; wants the next two"),
    "MLXK2_LIVE_CLONE_MODEL": ("", "the model to clone, `org/name`"),
    "MLXK2_LIVE_CLONE_WORKSPACE": ("", "a folder, in which the clone is made and from which it is deleted again"),
    "MLXK2_TEST_RESUMABLE_DOWNLOAD": ("0", f"1: interrupt and resume a pull of {PULLED_MODEL} from a real hub"),
    "MLXK2_ISSUE27_MODEL": ("the first text model", "the user's model that is copied and damaged"),
    "MLXK2_ISSUE27_INDEX_MODEL": ("the first with an index", "the same for damage to the safetensors index"),
    "MLXK2_VISION_MODEL": ("the first vision model", "the model of the vision pipe"),
    "MLXK2_SUBSET_COUNT": ("1", "how many shards of a model are copied: its index and the smallest ones"),
    "MLXK2_MIN_FREE_MB": ("512", f'free space that copying must leave, else "{NO_SPACE}" is the reason to skip'),
    "MLXK2_BOOTSTRAP_INDEX": (
        "0",
        "1: fetch index files, and only those, from a real hub into a test's cache",
    ),
    "MLXK2_VISION_BATCH_SIZE": ("1", "`--chunk` of the vision pipe"),
}


class NotAsked(Exception):
    """The group does not run, and why: a test skips with these words."""


class BadVariable(Exception):
    """A variable has a value that it cannot have."""


@dataclass(frozen=True, slots=True)
class RealPush:
    repo: str
    workspace: Path
    token: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class RealClone:
    """token: empty for public models."""

    model: str
    workspace: Path
    token: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class RealPull:
    model: str
    token: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class CopyRules:
    """model, index_model: empty for "choose one"."""

    model: str
    index_model: str
    shards: int
    min_free_bytes: int
    bootstrap_index: bool


def real_push(environ: Mapping[str, str]) -> RealPush | None:
    """None: the local hub stands in. Raises NotAsked when it is asked for and something is missing."""
    if not _on(environ, "MLXK2_LIVE_PUSH"):
        return None
    repo, workspace, token = _all(environ, "MLXK2_LIVE_REPO", "MLXK2_LIVE_WORKSPACE", "HF_TOKEN")
    return RealPush(repo, Path(workspace).expanduser(), token, _endpoint(environ))


def real_clone(environ: Mapping[str, str]) -> RealClone | None:
    """As real_push."""
    if not _on(environ, "MLXK2_LIVE_CLONE"):
        return None
    model, workspace = _all(environ, "MLXK2_LIVE_CLONE_MODEL", "MLXK2_LIVE_CLONE_WORKSPACE")
    return RealClone(model, Path(workspace).expanduser(), _text(environ, "HF_TOKEN"), _endpoint(environ))


def real_pull(environ: Mapping[str, str]) -> RealPull | None:
    """As real_push."""
    if not _on(environ, "MLXK2_TEST_RESUMABLE_DOWNLOAD"):
        return None
    return RealPull(PULLED_MODEL, _text(environ, "HF_TOKEN"), _endpoint(environ))


def copy_rules(environ: Mapping[str, str]) -> CopyRules:
    """Raises BadVariable."""
    return CopyRules(
        model=_text(environ, "MLXK2_ISSUE27_MODEL"),
        index_model=_text(environ, "MLXK2_ISSUE27_INDEX_MODEL"),
        shards=_count(environ, "MLXK2_SUBSET_COUNT", 1, at_least=1),
        min_free_bytes=_count(environ, "MLXK2_MIN_FREE_MB", 512, at_least=0) * 10**6,
        bootstrap_index=_on(environ, "MLXK2_BOOTSTRAP_INDEX"),
    )


def vision_model(environ: Mapping[str, str]) -> str:
    """Empty for "choose one"."""
    return _text(environ, "MLXK2_VISION_MODEL")


def vision_chunk(environ: Mapping[str, str]) -> int:
    """Raises BadVariable."""
    return _count(environ, "MLXK2_VISION_BATCH_SIZE", 1, at_least=1)


def _text(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, "").strip()


def _on(environ: Mapping[str, str], name: str) -> bool:
    match _text(environ, name):
        case "1":
            return True
        case "" | "0":
            return False
        case other:
            raise BadVariable(f"{name} is {other!r}: it may be 1 or 0")


def _all(environ: Mapping[str, str], *names: str) -> list[str]:
    missing = [name for name in names if not _text(environ, name)]
    if missing:
        raise NotAsked(f"a real hub was asked for, and {', '.join(missing)} is not set")
    return [_text(environ, name) for name in names]


def _endpoint(environ: Mapping[str, str]) -> str:
    return _text(environ, "HF_ENDPOINT").rstrip("/") or REAL_HUB


def _count(environ: Mapping[str, str], name: str, default: int, *, at_least: int) -> int:
    text = _text(environ, name)
    if not text:
        return default
    if not text.isdecimal() or int(text) < at_least:
        raise BadVariable(f"{name} is {text!r}: it must be a whole number of at least {at_least}")
    return int(text)
