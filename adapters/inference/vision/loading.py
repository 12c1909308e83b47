"""A model that sees, from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlx_lm.utils import load_tokenizer

from adapters.inference.engine.vision import VisionNetwork, vision_network
from adapters.inference.solo.choice import SAFE_TOKENIZER
from adapters.inference.vision.codec import SeeingCodec
from adapters.inference.vision.network import load_seeing_network, why_deaf
from adapters.inference.vision.processor import SeeingProcessor, load_processor
from adapters.inference.vision.sealing import sealed
from domain.errors import InvalidRequest
from domain.inference.context_length import context_length
from domain.serving.load_options import LoadOptions


def load_seeing(
    folder: Path, options: LoadOptions, generation_config: dict[str, object]
) -> tuple[VisionNetwork, SeeingCodec]:
    """Raises what mlx-vlm and transformers raise, UnsupportedMultimodal for types of models that cannot be shown
    pictures here, and InvalidRequest for options that only models of text can honour.
    """
    if given := options.of_text_only:
        raise InvalidRequest(f"{given[0]} cannot be used with a model that looks at pictures", hint="leave it out")
    model, config = load_seeing_network(folder)
    processor = load_processor(folder, config)
    processor.deaf = why_deaf(model) or processor.deaf
    tokenizer = _tokenizer(folder, processor, config)
    codec = SeeingCodec(tokenizer, context_length(config), generation_config, config, processor, exif=options.exif)
    return vision_network(model), codec


def _tokenizer(folder: Path, processor: SeeingProcessor, config: dict[str, Any]) -> Any:
    """mlx-lm's wrapper around the processor's tokenizer, which is read once. The processor's template comes first, as
    it does for mlx-vlm.
    """
    if isinstance(processor.template, str):
        processor.tokenizer.chat_template = processor.template
    named = config.get("eos_token_id")
    stops = [] if named is None else list(named) if isinstance(named, list | tuple) else [named]
    with sealed(processor.tokenizer):
        return load_tokenizer(folder, dict(SAFE_TOKENIZER), eos_token_ids=[*stops, *processor.more_stops] or None)
