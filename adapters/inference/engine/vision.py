"""A vision model of mlx-vlm as the engine uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import mlx.core as mx

from adapters.inference.engine.arrays import numbers
from adapters.inference.engine.caches import leaves
from adapters.inference.engine.encodings import Encodings
from adapters.inference.engine.features import Features, features_of, unsupported
from adapters.inference.engine.splitting import as_arrays
from ports.text_codec import PromptMedia

ENCODINGS_BYTES = 256 << 20
AXES = 3  # of a position: time, height, width
# What a processor tells of each token, and a language model may want to know beside its features.
TOKEN_KINDS = ("mm_token_type_ids", "token_type_ids")


def vision_network(model: Any, encodings_bytes: int = ENCODINGS_BYTES) -> VisionNetwork:
    """What MlxTextEngine and open_prefixes take as the model, from one that mlx_vlm loaded: text and pictures in one
    batch.

        network = vision_network(model)
        engine = MlxTextEngine(network, stop_tokens, bounds, open_prefixes(network, located, options))

    encodings_bytes: what encoded pictures may take; it counts within Bounds.memory_bytes. A row's PromptMedia.inputs
    are the keyword arguments of the model's get_input_embeddings but for the ids, as its processor made them for the
    whole prompt: numpy arrays, numbers, or lists of them (`attention_mask` is passed as `mask`).

    A few short passes find out whether the model keeps to what the engine relies on. Raises UnsupportedMultimodal, with
    the model's type, where it does not.
    """
    from adapters.inference.engine.vision_trial import tried

    return tried(VisionNetwork(model, Encodings(encodings_bytes)))


class VisionNetwork:
    """Tokens [rows, length] and caches -> logits [rows, length, vocabulary], like mlx-lm's models.

    Models of mlx-vlm keep positions of the prompt they read last in themselves. Here each pass brings its own, also
    for text, so that nothing of one row is ever used for another. axes: how many numbers a position has, 0 when the
    model counts by its caches alone. whole_prompts: its prompts attend in both directions; they are read in one pass,
    and nothing of them can be used for another.
    """

    library = "mlx-vlm"

    def __init__(self, model: Any, encodings: Encodings) -> None:
        self.model = model
        self.speaker = model.language_model
        self.encodings = encodings
        self.kind = str(getattr(model.config, "model_type", type(model).__module__.rpartition(".")[2]))
        self.axes = AXES if hasattr(self.speaker, "get_rope_index") else 0
        self.whole_prompts = not self._reads_in_parts({})

    def __call__(self, tokens: mx.array, cache: list[Any], shifts: mx.array | None = None, **shown: Any) -> mx.array:
        """shifts: [rows, 1], by how much each row's positions differ from the count of its tokens; None: by nothing.
        shown: of a row with pictures, from Sight.shown.
        """
        if self.axes and "position_ids" not in shown:
            shown["position_ids"] = self._positions(tokens, cache, shifts)
        logits: mx.array = self.speaker(tokens, cache=cache, **shown).logits
        return logits

    @property
    def layers(self) -> Any:
        return self.speaker.layers

    def make_cache(self) -> list[Any]:
        """For a single row, one a layer."""
        from mlx_vlm.models.cache import make_prompt_cache

        caches: list[Any] = make_prompt_cache(self.speaker)
        return caches

    def embedded(self, tokens: Sequence[int], inputs: Mapping[str, Any]) -> Features:
        """What the layers get for these tokens of one row; inputs: of the pictures among them, as mlx arrays."""
        rest = dict(inputs)
        mask = rest.pop("mask", None)
        pixels = rest.pop("pixel_values", None)
        mask = mx.ones((1, len(tokens)), dtype=mx.int32) if mask is None else mask
        made = self.model.get_input_embeddings(mx.array([list(tokens)]), pixels, mask=mask, **rest)
        return features_of(made, self.kind)

    def turned(self, tokens: Sequence[int], inputs: Mapping[str, Any]) -> tuple[mx.array | None, int]:
        """Positions [axes, 1, tokens] of a whole prompt with pictures, and by how much those of what comes after it
        differ from the count; (None, 0) for models that just count.
        """
        if not self.axes:
            return None, 0
        wanted = signature(self.speaker.get_rope_index).parameters
        known = {name: as_arrays(value) for name, value in inputs.items() if name in wanted}
        positions, deltas = self.speaker.get_rope_index(mx.array([list(tokens)]), **known)
        if positions.ndim == 2:
            positions = positions[None]
        return mx.broadcast_to(positions, (self.axes, 1, len(tokens))), int(numbers(mx.array(deltas).reshape(-1))[0])

    def first_pass(self, prompt: Sequence[int], media: PromptMedia | None) -> int:
        """How many tokens of this prompt must be read together, from the first on; 0 where any cut will do."""
        if self.whole_prompts:
            return len(prompt)
        if media is None or not media.pictures:
            return 0
        kinds = {name: mx.array(media.inputs[name]) for name in TOKEN_KINDS if media.inputs.get(name) is not None}
        return 0 if self._reads_in_parts(kinds) else max(picture.end for picture in media.pictures)

    def _positions(self, tokens: mx.array, cache: list[Any], shifts: mx.array | None) -> mx.array:
        rows, length = tokens.shape
        offset: Any = next((leaf.offset for leaf in leaves(cache) if hasattr(leaf, "offset")), None)
        if offset is None:
            raise unsupported(self.kind, "its caches do not tell how many tokens they hold")
        begin = mx.reshape(mx.array(offset), (-1, 1))
        begin = begin if shifts is None else begin + shifts
        places = mx.broadcast_to(begin + mx.arange(length)[None], (rows, length))
        return mx.broadcast_to(places[None], (self.axes, rows, length))

    def _reads_in_parts(self, inputs: Mapping[str, Any]) -> bool:
        """What the model itself says of a prompt with these inputs."""
        asked = (self.model, self.speaker)
        for each in asked:
            policy = getattr(each, "chunked_prefill_policy", None)
            if callable(policy):
                return bool(
                    policy(
                        input_ids=None, inputs_embeds=None, prompt_cache=None, draft_model=None, draft_kind=None,
                        prefill_kwargs=dict(inputs),
                    )
                )  # fmt: skip
        return not any(getattr(each, "no_chunked_prefill", False) for each in asked)
