"""From a loaded model to its memory of prompts. MLX, on the engine's thread."""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache

from adapters.inference.prefix_cache.chain import root_of
from adapters.inference.prefix_cache.disk import DiskTier, open_disk
from adapters.inference.prefix_cache.identity import DIGESTS, folder_digests, weights_of
from adapters.inference.prefix_cache.prefix_cache import PrefixCache
from adapters.inference.prefix_cache.record_file import FORMAT
from adapters.inference.prefixes import NoPrefixes, Prefixes
from domain.catalog import LocatedModel
from domain.serving.load_options import LoadOptions

_LOG = logging.getLogger(__name__)


def open_prefixes(network: Any, model: LocatedModel, options: LoadOptions) -> Prefixes:
    """NoPrefixes where the options give no budget. With one for the disk, the first load of a folder that is no
    snapshot of the hub's cache reads its weights once more, to know them again.
    """
    budget = options.prefix_cache
    if budget.ram_bytes <= 0 and (budget.disk_bytes <= 0 or budget.folder is None):
        return NoPrefixes()
    facts = _circumstances(options, getattr(network, "library", "mlx-lm"))
    disk: DiskTier | None = None
    if budget.disk_bytes > 0 and budget.folder is not None:
        directory = Path(budget.folder)
        try:
            facts |= _contents(model, options, directory / DIGESTS)
        except OSError as fault:
            _LOG.warning("no prompts of %s are remembered on the disk: %s", model.name, fault)
        else:
            disk = open_disk(directory, root_of(facts), _about(model), budget.disk_bytes)
    return PrefixCache(root_of(facts), budget.ram_bytes, lambda: make_prompt_cache(network, options.max_kv_size), disk)


def _circumstances(options: LoadOptions, library: str) -> dict[str, object]:
    """What shapes the values beside the weights, which bring their own dtype. library: that the model is of."""
    device = mx.default_device()
    info = mx.device_info() if device.type == mx.gpu else {}
    return {
        "format": FORMAT,
        "device": [str(device), str(info.get("device_name", os.uname().machine))],
        "libraries": {name: version(name) for name in ("mlx", library)},
        "kv": [options.kv_bits, options.kv_group_size if options.kv_bits is not None else None, options.max_kv_size],
    }


def _contents(model: LocatedModel, options: LoadOptions, memo: Path) -> dict[str, object]:
    adapter = options.adapter
    return {
        "weights": weights_of(model, memo),
        "adapter": None if adapter is None else folder_digests(adapter, memo, blobs=False),
    }


def _about(model: LocatedModel) -> dict[str, str]:
    return {
        "format": FORMAT,
        "model": model.name,
        "source": model.source.value,
        "revision": model.revision or "",
        "path": str(model.path),
    }
