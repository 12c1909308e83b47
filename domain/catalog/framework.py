"""Which framework a model's files are made for."""

from __future__ import annotations

from enum import StrEnum

from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.manifest import ModelManifest

MLX_ORGANISATION = "mlx-community/"


class Framework(StrEnum):
    MLX = "MLX"
    GGUF = "GGUF"
    PYTORCH = "PyTorch"
    UNKNOWN = "Unknown"


def detect_framework(location: LocatedModel, manifest: ModelManifest) -> tuple[Framework, str]:
    """The framework and what shows it; the first hit decides."""
    mlx = _mlx_evidence(location, manifest)
    if mlx is not None:
        return Framework.MLX, mlx
    for weight in manifest.weights:
        if weight.name.endswith(".gguf"):
            return Framework.GGUF, weight.path
    for weight in manifest.weights:
        if weight.name.endswith(".safetensors") or weight.name.startswith("pytorch_model"):
            return Framework.PYTORCH, weight.path
    return Framework.UNKNOWN, "no weights of a known kind"


def _mlx_evidence(location: LocatedModel, manifest: ModelManifest) -> str | None:
    if location.source is ModelSource.BUILTIN:
        return "built in"
    origin = manifest.workspace.source_repo if manifest.workspace else None
    if MLX_ORGANISATION in location.name or MLX_ORGANISATION in (origin or ""):
        return f"name: {MLX_ORGANISATION.rstrip('/')}"
    if "quantization" in manifest.config:
        return "config.json: quantization"
    if "mlx" in (tag.lower() for tag in manifest.readme.tags):
        return "README.md: tag mlx"
    if manifest.readme.library_name.lower() == "mlx":
        return "README.md: library_name mlx"
    for weight in manifest.weights:
        if weight.made_by_mlx:
            return f"{weight.path}: written by MLX"
        if weight.name.endswith(".npz"):
            return f"{weight.path}: early MLX format"
    return None
