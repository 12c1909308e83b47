"""What the layers of a vision model get in place of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from domain.errors import UnsupportedMultimodal

# What else a model of mlx-vlm may make of a prompt. Positions are worked out of the whole prompt (see positions);
# 4d masks of mlx-vlm's causal models are all ones, and nobody looks at them.
_KNOWN = frozenset({
    "inputs_embeds", "per_layer_inputs", "deepstack_visual_embeds", "visual_pos_masks", "position_ids", "rope_deltas",
    "attention_mask_4d",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Features:
    """Of a stretch of a prompt. embeds: [1, tokens, size]. per_layer: [1, tokens, ...], for models whose layers have
    inputs of their own. visual: for each token whether it is a picture's. deep: for each of the first layers what it
    adds to those, [visual tokens, size]. spread: the same told of every token, [1, tokens, layers, size].
    """

    embeds: mx.array
    per_layer: mx.array | None = None
    visual: tuple[bool, ...] = ()
    deep: tuple[mx.array, ...] = ()
    spread: mx.array | None = None

    @property
    def arrays(self) -> list[mx.array]:
        by_token = (self.embeds, self.per_layer, self.spread)
        return [*(each for each in by_token if each is not None), *self.deep]

    @property
    def size_bytes(self) -> int:
        return sum(int(array.nbytes) for array in self.arrays)

    def part(self, begin: int, end: int) -> Features:
        """Of the tokens begin to end."""
        if (begin, end) == (0, self.embeds.shape[1]):
            return self
        before, inside = sum(self.visual[:begin]), sum(self.visual[begin:end])
        return Features(
            self.embeds[:, begin:end],
            None if self.per_layer is None else self.per_layer[:, begin:end],
            self.visual[begin:end],
            tuple(layer[before : before + inside] for layer in self.deep),
            None if self.spread is None else self.spread[:, begin:end],
        )

    def keywords(self) -> dict[str, Any]:
        """As a language model of mlx-vlm takes them. The arrays are its own: some scale theirs in place."""
        found: dict[str, Any] = {"inputs_embeds": self.embeds[:]}
        if self.per_layer is not None:
            found["per_layer_inputs"] = self.per_layer[:]
        if self.deep:
            found["visual_pos_masks"] = mx.array([self.visual])
            found["deepstack_visual_embeds"] = [layer[:] for layer in self.deep]
        if self.spread is not None:
            found["deepstack_visual_embeds"] = self.spread[:]
        return found


def features_of(made: Any, kind: str) -> Features:
    """made: what get_input_embeddings returned, for one row. kind: the model's, for errors. Raises
    UnsupportedMultimodal for what this engine cannot give to a model bit by bit.
    """
    values = {name: value for name, value in made.to_dict().items() if value is not None}
    foreign = sorted(values.keys() - _KNOWN)
    if foreign:
        raise unsupported(kind, f"its pictures come with {', '.join(foreign)}")
    embeds = values["inputs_embeds"]
    tokens = int(embeds.shape[1])
    deep = values.get("deepstack_visual_embeds")
    if deep is None:
        return Features(embeds, values.get("per_layer_inputs"), (False,) * tokens)
    if isinstance(deep, mx.array) and deep.ndim == 4 and deep.shape[:2] == (1, tokens):
        return Features(embeds, values.get("per_layer_inputs"), (False,) * tokens, spread=deep)
    mask = values.get("visual_pos_masks")
    visual = () if mask is None else tuple(bool(each) for each in mask.reshape(tokens, -1)[:, 0].tolist())
    layers = tuple(deep[at] for at in range(len(deep)))
    if any(layer.ndim != 2 or layer.shape[0] != sum(visual) for layer in layers):
        raise unsupported(kind, "what its layers add to pictures is not told token by token")
    return Features(embeds, values.get("per_layer_inputs"), visual, layers)


def joined(parts: Sequence[Features]) -> Features:
    """One after the other. Parts without a picture have no deep layers."""
    if len(parts) == 1:
        return parts[0]
    depth = max(len(part.deep) for part in parts)
    layered = [part.per_layer for part in parts if part.per_layer is not None]
    spread = [part.spread for part in parts if part.spread is not None]
    return Features(
        mx.concatenate([part.embeds for part in parts], axis=1),
        mx.concatenate(layered, axis=1) if layered else None,
        tuple(each for part in parts for each in part.visual),
        tuple(mx.concatenate([part.deep[at] for part in parts if part.deep]) for at in range(depth)),
        mx.concatenate(spread, axis=1) if spread else None,
    )


def unsupported(kind: str, why: str) -> UnsupportedMultimodal:
    return UnsupportedMultimodal(
        f"models of type {kind} cannot be shown pictures here: {why}", hint="take a vision model of another family"
    )
