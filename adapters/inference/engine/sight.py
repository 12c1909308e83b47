"""The pictures and sounds of one row while its prompt is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx

from adapters.inference.engine.features import Features, joined
from adapters.inference.engine.splitting import Piece, as_arrays, pieces_of
from adapters.inference.engine.vision import TOKEN_KINDS, VisionNetwork
from ports.text_codec import PromptMedia


class Sight:
    """Encodes pictures one by one, each when the chunk that shows it comes; those of what need not be read are never
    encoded. shift: by how much positions after the prompt differ from the count of tokens.
    """

    def __init__(self, network: VisionNetwork, prompt: tuple[int, ...], media: PromptMedia) -> None:
        self._network = network
        self._prompt = prompt
        inputs = dict(media.inputs)
        if "attention_mask" in inputs:
            inputs["mask"] = inputs.pop("attention_mask")
        self._pieces = pieces_of(prompt, PromptMedia(media.pictures, inputs))
        self._held: dict[int, Features] = {}
        told = [name for name in TOKEN_KINDS if inputs.get(name) is not None]
        if not network.first_pass(prompt, media):
            told = []  # where any cut will do, nothing may be made of what tokens come together
        self._kinds = {name: as_arrays(inputs[name]) for name in told}
        self._positions, self.shift = network.turned(prompt, inputs)

    def look(self, begin: int, end: int) -> bool:
        """Encode a picture that these tokens show. False when there is none left to encode."""
        for piece in self._shown(begin, end):
            if piece.start in self._held:
                continue
            known = self._network.encodings.get(piece.key)
            if known is None:
                made = self._network.encodings.make(piece.key, len(piece.tokens), lambda: self._encoded(piece))  # noqa: B023 - called at once
                self._held[piece.start] = made
                return True
            self._held[piece.start] = known
        return False

    def shown(self, begin: int, end: int) -> dict[str, Any]:
        """What goes with the tokens begin to end, all of them of the prompt or none; their pictures have been encoded.
        What is not needed any more is let go.
        """
        if begin >= len(self._prompt):
            return {"shifts": mx.array([[self.shift]])}
        found: dict[str, Any] = {"logits_to_keep": 1}  # a pass that must not be cut may be long
        if self._positions is not None:
            found["position_ids"] = self._positions[..., begin:end]
        if any(True for _ in self._shown(begin, end)):
            found |= joined(list(self._features(begin, end))).keywords()
            found |= {name: kinds[:, begin:end] for name, kinds in self._kinds.items()}
        for start in [piece.start for piece in self._pieces if piece.end <= end]:
            self._held.pop(start, None)
        return found

    def _shown(self, begin: int, end: int) -> Iterator[Piece]:
        return (piece for piece in self._pieces if piece.start < end and begin < piece.end)

    def _features(self, begin: int, end: int) -> Iterator[Features]:
        for piece in self._shown(begin, end):
            if begin < piece.start:
                yield self._network.embedded(self._prompt[begin : piece.start], {})
            begin = max(begin, piece.start)
            stop = min(end, piece.end)
            yield self._held[piece.start].part(begin - piece.start, stop - piece.start)
            begin = stop
        if begin < end:
            yield self._network.embedded(self._prompt[begin:end], {})

    def _encoded(self, piece: Piece) -> Features:
        return self._network.embedded(piece.tokens, {name: as_arrays(value) for name, value in piece.inputs.items()})
