"""Rules about weight files: with an index that names the shards, and without one."""

from __future__ import annotations

import re

from domain.catalog.health_fault import Fault, absent, broken, listed
from domain.catalog.manifest import (
    JsonState,
    ModelManifest,
    WeightFile,
    WeightState,
)

SHARD_NAME = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors", re.ASCII)


def index_is_readable(manifest: ModelManifest) -> Fault | None:
    index = manifest.active_index
    if index is None or index.document is JsonState.OBJECT:
        return None
    return broken("Invalid index file")


def index_names_shards(manifest: ModelManifest) -> Fault | None:
    index = manifest.active_index
    return broken("Empty or invalid weight_map in index") if index is not None and not index.shards else None


def index_matches_shards(manifest: ModelManifest) -> Fault | None:
    """A download that has not finished left partial files or holds nothing but shards of its index; a mismatch holds
    others."""
    index = manifest.active_index
    if index is None:
        return None
    here = {weight.path for weight in manifest.weights}
    missing = [shard for shard in index.shards if shard not in here]
    if not missing:
        return None
    shards_here = [w.path for w in manifest.weights if w.in_root and _is_safetensors(w) and not _beside_shards(w)]
    if not manifest.incomplete_downloads and not set(shards_here) <= set(index.shards):
        found = len(shards_here)
        return broken(
            f"Index/shard mismatch (mlx-vlm #624). Index references {len(index.shards)} shards but found {found} "
            "different files. Fix: mlxk convert <model> <output> --repair-index"
        )
    return absent(f"Missing weight shards: {listed(missing)}")


def shard_totals_agree(manifest: ModelManifest) -> Fault | None:
    totals = {match[2] for match in _numbered(manifest)}
    return broken("Inconsistent shard totals detected") if len(totals) > 1 else None


def no_shard_is_missing(manifest: ModelManifest) -> Fault | None:
    numbered = _numbered(manifest)
    if not numbered:
        return None
    total = int(numbered[0][2])
    present = {int(match[1]) for match in numbered} & set(range(1, total + 1))
    if len(present) == total:
        return None
    return absent(f"Missing shards by pattern: {len(present)}/{total} present")


def weights_are_there(manifest: ModelManifest) -> Fault | None:
    return None if manifest.weights else absent("No model weights found")


def no_partial_marker(manifest: ModelManifest) -> Fault | None:
    for path in manifest.paths:
        name = path.rpartition("/")[2].lower()
        if "partial" in name or name.endswith(".tmp"):
            return absent("Partial download marker detected")
    return None


def sharded_model_has_index(manifest: ModelManifest) -> Fault | None:
    return absent("Safetensors index missing for sharded model") if _numbered(manifest) else None


def no_empty_shard(manifest: ModelManifest) -> Fault | None:
    return _state_fault(manifest.model_weights, WeightState.EMPTY, "Empty weight shards")


def no_empty_numbered_shard(manifest: ModelManifest) -> Fault | None:
    numbered = tuple(weight for weight in manifest.model_weights if SHARD_NAME.fullmatch(weight.name))
    return _state_fault(numbered, WeightState.EMPTY, "Empty shards")


def no_empty_weight_file(manifest: ModelManifest) -> Fault | None:
    return _state_fault(manifest.model_weights, WeightState.EMPTY, "Empty weight files")


def no_pointer_among_shards(manifest: ModelManifest) -> Fault | None:
    return _state_fault(manifest.model_weights, WeightState.LFS_POINTER, "LFS pointers instead of files")


def no_pointer_anywhere(manifest: ModelManifest) -> Fault | None:
    return _state_fault(manifest.weights, WeightState.LFS_POINTER, "LFS pointers instead of files")


def weights_are_readable(manifest: ModelManifest) -> Fault | None:
    return _state_fault(manifest.model_weights, WeightState.UNREADABLE, "Weight files cannot be read")


def headers_are_sound(manifest: ModelManifest) -> Fault | None:
    return _state_fault(manifest.model_weights, WeightState.BAD_HEADER, "Damaged weight file header")


def lengths_match_headers(manifest: ModelManifest) -> Fault | None:
    return _state_fault(
        manifest.model_weights, WeightState.WRONG_LENGTH, "Weight file length does not match its header"
    )


INDEX_ROUTE = (
    index_is_readable,
    index_names_shards,
    index_matches_shards,
    no_empty_shard,
    no_pointer_among_shards,
    no_partial_marker,
    weights_are_readable,
    headers_are_sound,
    lengths_match_headers,
)

PLAIN_ROUTE = (
    shard_totals_agree,
    no_shard_is_missing,
    no_empty_numbered_shard,
    weights_are_there,
    no_partial_marker,
    no_empty_weight_file,
    sharded_model_has_index,
    no_pointer_anywhere,
    weights_are_readable,
    headers_are_sound,
    lengths_match_headers,
)


def _state_fault(weights: tuple[WeightFile, ...], state: WeightState, words: str) -> Fault | None:
    hit = [weight for weight in weights if weight.state is state]
    if not hit:
        return None
    return broken(f"{words}: {listed(_with_detail(weight) for weight in hit)}")


def _with_detail(weight: WeightFile) -> str:
    return f"{weight.path} ({weight.detail})" if weight.detail else weight.path


def _beside_shards(weight: WeightFile) -> bool:
    """Files that rightly lie beside the shards of an index: the original's single file, adapters."""
    return weight.name.startswith(("consolidated", "adapter"))


def _is_safetensors(weight: WeightFile) -> bool:
    return weight.name.endswith(".safetensors")


def _numbered(manifest: ModelManifest) -> list[re.Match[str]]:
    matches = (SHARD_NAME.fullmatch(weight.path) for weight in manifest.model_weights)
    return [match for match in matches if match]
