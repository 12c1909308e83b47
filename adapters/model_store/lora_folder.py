"""Folders that hold a LoRA adapter."""

from __future__ import annotations

from pathlib import Path

from domain.errors import InvalidRequest

FILES = ("adapter_config.json", "adapters.safetensors")
PEFT_FILES = ("adapter_model.safetensors", "adapter_model.bin")


def find_adapter(text: str) -> Path:
    """The folder's absolute path. Raises InvalidRequest, naming it, when it holds no adapter in mlx-lm's files."""
    folder = Path(text).expanduser().resolve()
    what = f"--adapter {text}"
    if not folder.is_dir():
        raise InvalidRequest(f"{what}: there is no such folder", hint="name the folder that mlx_lm.lora wrote")
    if any((folder / name).exists() for name in PEFT_FILES):
        raise InvalidRequest(
            f"{what} holds an adapter of PEFT's, which mlx-lm cannot read",
            hint="train with mlx_lm.lora, or merge the adapter into its model and convert that",
        )
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise InvalidRequest(
            f"{what} holds no adapter: {' and '.join(missing)} missing", hint="name the folder that mlx_lm.lora wrote"
        )
    return folder
