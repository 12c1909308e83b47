"""The built-in model in two shards with an index: what a miniature lacks for tests of shards and of the index."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from adapters.builtin_model import builtin_model_folder
from domain.catalog.model_ref import cache_folder_name
from tests.support.portfolio.miniatures import OWNER, REVISION

NAME = f"{OWNER}/sharded-chat"


def add_sharded(hub: Path) -> Path:
    """Into a hub cache; its snapshot."""
    import mlx.core as mx

    snapshot = hub / cache_folder_name(NAME) / "snapshots" / REVISION
    shutil.copytree(builtin_model_folder(), snapshot, ignore=shutil.ignore_patterns("*.safetensors"))
    weights: Any = mx.load(str(Path(builtin_model_folder()) / "model.safetensors"))
    names = sorted(weights)
    half = len(names) // 3  # one shard is smaller than the other
    shards = {"model-00001-of-00002.safetensors": names[:half], "model-00002-of-00002.safetensors": names[half:]}
    for file, some in shards.items():
        mx.save_safetensors(str(snapshot / file), {name: weights[name] for name in some}, {"format": "mlx"})
    index = {
        "metadata": {"total_size": sum(each.nbytes for each in weights.values())},
        "weight_map": {name: file for file, some in shards.items() for name in some},
    }
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(REVISION, encoding="ascii")
    return snapshot
