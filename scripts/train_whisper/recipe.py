"""How large the Whisper is, how it is trained, and the configuration files that say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mlx_audio.stt.models.whisper.whisper import ModelDimensions

from scripts.train_whisper.features import BANDS, WINDOW_FRAMES
from scripts.train_whisper.tokenizer import TOKENS

AUDIO_CONTEXT: Final = WINDOW_FRAMES // 2
TEXT_CONTEXT: Final = 448
ALIGNED: Final = ((1, 0), (2, 0))  # layers and their heads that are taught where what they write is heard


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of batch. share: how often, compared to others. How many windows of single sentences, of several, full
    ones, and without speech are in it. earlier: tokens of the text before, at most.
    """

    share: float
    earlier: int
    nothing: int
    single: int = 0
    several: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class Sitting:
    steps: int
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """pool: how many windows there are of each sentence by itself; of the other kinds accordingly."""

    size: int
    heads: int
    layers: int
    pool: int
    peak: float
    sittings: tuple[Sitting, ...]


_SHORT: Final = Kind(1.0, earlier=24, nothing=2, single=16)
_JOINED: Final = Kind(2.0, earlier=60, nothing=1, several=8)
_WHOLE: Final = Kind(1.0, earlier=200, nothing=1, whole=3)
FULL: Final = Recipe(
    size=64,
    heads=4,
    layers=3,
    pool=60,
    peak=2.5e-3,
    sittings=(Sitting(1000, (_SHORT,)), Sitting(2400, (_SHORT, _JOINED, _WHOLE))),
)
_FEW: Final = Kind(1.0, earlier=9, nothing=1, single=2, several=1, whole=1)
TINY: Final = Recipe(size=16, heads=2, layers=3, pool=4, peak=1e-3, sittings=(Sitting(2, (_FEW,)),))


def dimensions(recipe: Recipe) -> ModelDimensions:
    """The encoder is two convolutions; what is far apart is put together by the decoder."""
    return ModelDimensions(
        n_mels=BANDS,
        n_audio_ctx=AUDIO_CONTEXT,
        n_audio_state=recipe.size,
        n_audio_head=recipe.heads,
        n_audio_layer=0,
        n_vocab=TOKENS,
        n_text_ctx=TEXT_CONTEXT,
        n_text_state=recipe.size,
        n_text_head=recipe.heads,
        n_text_layer=recipe.layers,
    )


def preprocessor_config() -> dict[str, Any]:
    """preprocessor_config.json."""
    return {
        "feature_extractor_type": "WhisperFeatureExtractor",
        "processor_class": "WhisperProcessor",
        "feature_size": BANDS,
        "sampling_rate": 16000,
        "hop_length": 160,
        "chunk_length": 30,
        "n_fft": 400,
        "padding_value": 0.0,
        "return_attention_mask": False,
        "n_samples": 480000,
        "nb_max_frames": WINDOW_FRAMES,
    }
