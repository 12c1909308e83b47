"""The libraries that run models."""

from __future__ import annotations

from enum import StrEnum


class Backend(StrEnum):
    MLX_LM = "mlx-lm"
    MLX_VLM = "mlx-vlm"
    MLX_AUDIO = "mlx-audio"
