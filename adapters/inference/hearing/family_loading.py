"""A folder of any speech-to-text family that mlx-audio knows, to an engine and a codec."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import mlx_audio.utils
from mlx_audio.stt.utils import MODEL_REMAPPING, load_model

from adapters.inference.hearing.family_engine import FamilyCodec, FamilyEngine
from adapters.inference.hearing.listener import listener_of
from adapters.inference.hearing.weights import speech_tensors
from adapters.inference.vision.sealing import replaced, sealed
from domain.catalog import LocatedModel
from domain.errors import ModelNotRunnable
from domain.inference.context_length import context_length
from ports.sound_engine import SoundCodec, SoundEngine

SPELLERS = ("_tokenizer", "_processor", "_vocab", "_token_list")
UNKNOWN = "not supported for stt"


def load_family(model: LocatedModel, config: Mapping[str, Any]) -> tuple[SoundEngine, SoundCodec, int]:
    """Engine, codec, and how many tokens the model holds. Raises ModelNotRunnable for a family that is not there, and
    whatever the libraries raise for files that make no sense.
    """
    kind = str(config.get("model_type") or "").lower()
    try:
        with _quiet():
            network = load_model(Path(model.path))
    except ValueError as fault:
        if UNKNOWN in str(fault):
            raise ModelNotRunnable(f"{model.name} is of the family {kind!r}, which mlx-audio does not know") from fault
        raise
    _require_words(network)
    listener = listener_of(network, MODEL_REMAPPING.get(kind, kind), model.name)
    return FamilyEngine(listener), FamilyCodec(listener), context_length(config)


def _require_words(network: Any) -> None:
    """Families that find no tokenizer write the numbers of their tokens instead of words."""
    held = [getattr(network, name) for name in SPELLERS if hasattr(network, name)]
    if held and all(each is None for each in held):
        raise ValueError("its tokenizer's files are missing or cannot be read")


@contextmanager
def _quiet() -> Iterator[None]:
    """No code from the folder, no hub, and weights as we read them: mlx-audio takes a [ in a path for a pattern."""
    with ExitStack() as stack:
        stack.enter_context(sealed())
        stack.enter_context(replaced(huggingface_hub.constants, "HF_HUB_OFFLINE", value=True))
        stack.enter_context(replaced(mlx_audio.utils, "load_weights", speech_tensors))
        yield
