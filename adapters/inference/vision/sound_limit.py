"""How long a sound may be for a model that hears: what its own processor says, by what it would cut off."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any


def longest_seconds(processor: Any, extractor: Any, config: Mapping[str, Any]) -> float | None:
    """extractor: of features, the processor's. config: the model's. None where nothing is ever cut off."""
    rate = int(extractor.sampling_rate)
    found = [_samples_kept(extractor), _samples_for_tokens(processor, extractor, config)]
    return min((samples / rate for samples in found if samples is not None), default=None)


def _samples_kept(extractor: Any) -> int | None:
    """Whisper's extractor has the number as an attribute, Gemma's as a default."""
    own = getattr(extractor, "n_samples", None)
    if isinstance(own, int):
        return own
    options = inspect.signature(type(extractor).__call__).parameters
    most, cuts = options.get("max_length"), options.get("truncation")
    if most is None or cuts is None or not cuts.default or not isinstance(most.default, int):
        return None
    return most.default


def _samples_for_tokens(processor: Any, extractor: Any, config: Mapping[str, Any]) -> int | None:
    """Some prompts have room for so many tokens of a sound and no more."""
    most = getattr(processor, "audio_seq_length", None)
    if not isinstance(most, int):
        return None
    rate = int(extractor.sampling_rate)
    milliseconds = getattr(processor, "audio_ms_per_token", None)
    if isinstance(milliseconds, int | float):
        return int(most * milliseconds * rate / 1000)
    hop, strides = getattr(extractor, "hop_length", None), _frames_a_token(config.get("audio_config"))
    return None if not isinstance(hop, int) or strides is None else most * strides * hop


def _frames_a_token(config: object) -> int | None:
    """Of Gemma 3n's encoder: two convolutions with strides, and a reduction behind its layers."""
    if not isinstance(config, Mapping):
        return None
    strides, reduction = config.get("sscp_conv_stride_size"), config.get("conf_reduction_factor")
    if not isinstance(strides, list | tuple) or not isinstance(reduction, int):
        return None
    return math.prod(int(each[0]) for each in strides) * reduction
