"""How many tokens a model's config says it can hold."""

from __future__ import annotations

from collections.abc import Mapping

from domain.numbers import whole_number

DEFAULT_CONTEXT_LENGTH = 4096
CONFIG_KEYS = ("max_position_embeddings", "n_positions", "context_length", "max_sequence_length", "seq_len")


def context_length(config: Mapping[str, object]) -> int:
    """Tokens that prompt and answer may have together, by config.json.

    The first positive number under one of CONFIG_KEYS, at the top level and then in `text_config` (where models with
    eyes or ears keep it), of the model or of its thinking part; 4,096 when the config is silent.
    """
    thinker = config.get("thinker_config")
    nested = [place.get("text_config") for place in (config, thinker) if isinstance(place, Mapping)]
    places = [config, *(place for place in nested if isinstance(place, Mapping))]
    for place in places:
        for key in CONFIG_KEYS:
            value = whole_number(place.get(key))
            if value is not None and value > 0:
                return value
    return DEFAULT_CONTEXT_LENGTH
