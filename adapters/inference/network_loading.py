"""A model folder, and perhaps a LoRA adapter, to a network, with mlx-lm."""

from __future__ import annotations

import glob
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.utils import load_model

from domain.errors import InvalidRequest

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapters.safetensors"


def load_network(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The network, its weights in memory, and the model's config. Raises whatever mlx-lm raises."""
    with without_wildcards(folder) as plain:
        network, config = load_model(plain, trust_remote_code=False)
    return network, config


def apply_adapter(network: Any, folder: Path, name: str) -> None:
    """Put a LoRA, DoRA or full adapter, as mlx-lm's training writes them, onto a network. name: the model's.

    Raises InvalidRequest for a folder that holds none, and for one that was made for another model.
    """
    what = f"--adapter {folder}"
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        tensors = mx.load(str(folder / ADAPTER_WEIGHTS), format="safetensors")
    except (OSError, ValueError, RuntimeError) as fault:
        raise InvalidRequest(f"{what} cannot be read: {fault}") from fault
    if not isinstance(config, dict) or not tensors:
        raise InvalidRequest(f"{what} holds no adapter: {ADAPTER_CONFIG} or {ADAPTER_WEIGHTS} is empty")
    from mlx_lm.tuner.utils import load_adapters  # brings the whole of training with it

    try:
        load_adapters(network, str(folder))
        network.eval()
        mx.eval(network.parameters())
    except Exception as fault:
        words = " ".join(str(fault).split()) or type(fault).__name__
        raise InvalidRequest(
            f"{what} does not fit {name}: {words[:300]}", hint="take the model that it was trained for"
        ) from fault


@contextmanager
def without_wildcards(folder: Path) -> Iterator[Path]:
    """The folder under a name that means itself where mlx-lm looks for its weights with a pattern."""
    if glob.escape(str(folder)) == str(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="mlxk-") as place:
        link = Path(place) / "model"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link
