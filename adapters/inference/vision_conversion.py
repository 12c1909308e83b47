"""mlx-vlm's steps of a conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.workspace.conversion import Quantization


class VisionConversion:
    """Eyes and ears keep their precision; the language model changes. No remote code is ever run."""

    def load(self, source: Path) -> tuple[Any, dict[str, Any]]:
        from mlx_vlm.utils import load_config, load_model

        model = load_model(source, lazy=True, trust_remote_code=False)
        return model, load_config(source, trust_remote_code=False)

    def quantize(self, model: Any, config: dict[str, Any], asked: Quantization) -> tuple[Any, dict[str, Any]]:
        from mlx_vlm.convert import mixed_quant_predicate_builder
        from mlx_vlm.quant_utils import quantize_model
        from mlx_vlm.utils import skip_multimodal_module

        own = getattr(model, "quant_predicate", None)

        def language_only(path: str, module: Any) -> Any:
            if skip_multimodal_module(path):
                return False
            return True if own is None else own(path, module)

        predicate = language_only if asked.recipe is None else mixed_quant_predicate_builder(asked.recipe, model)
        config.setdefault("vision_config", {})
        model, config = quantize_model(
            model, config, asked.group_size, asked.bits, mode=asked.mode, quant_predicate=predicate
        )
        return model, config

    def dequantize(self, model: Any) -> Any:
        from mlx_vlm.quant_utils import dequantize_model

        return dequantize_model(model)

    def save(self, target: Path, model: Any) -> None:
        from mlx_vlm.utils import save_weights

        save_weights(target, model, donate_weights=True)
