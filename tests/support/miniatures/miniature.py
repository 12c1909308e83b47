"""A family of models in miniature: real config, tokenizer, template and weights, written in an instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mlx.core as mx
from tokenizers import Tokenizer

from tests.support.miniatures.tokens import byte_tokenizer, write_json
from tests.support.miniatures.weights import random_weights

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Miniature:
    """config: what config.json says, without vocabulary and stop tokens. special: the family's marks. stops: those of
    them that end an answer; the first is the tokenizer's eos token. template: the name of a file in templates/, None
    for a model without one. stops_in: the file that names all the stops ("config" or "generation_config"). padding:
    ids of the output layer that the tokenizer does not know. gain: see random_weights.
    """

    config: Mapping[str, object]
    special: tuple[str, ...]
    stops: tuple[str, ...]
    template: str | None
    bos: str | None = None
    generation_config: Mapping[str, object] = field(default_factory=dict)
    stops_in: str = "config"
    padding: int = 0
    seed: int = 7
    gain: float = 3.0

    def build(self, folder: Path) -> Path:
        """Write the model into `folder` (made when missing) and return it."""
        tokenizer = self.tokenizer()
        size = tokenizer.get_vocab_size() + self.padding
        config = {**self.config, "vocab_size": size}
        sayable = [_readable(tokenizer.id_to_token(token)) for token in range(size)]
        self.write(folder, tokenizer, config, random_weights(config, sayable, self.seed, self.gain))
        return folder

    def tokenizer(self, pieces: Sequence[str] = (), words: Sequence[str] = ()) -> Tokenizer:
        return byte_tokenizer(self.special, pieces, words, self.bos)

    def write(
        self, folder: Path, tokenizer: Tokenizer, config: Mapping[str, object], weights: dict[str, mx.array]
    ) -> None:
        """A model folder of this family around any network."""
        folder.mkdir(parents=True, exist_ok=True)
        stops = [tokenizer.token_to_id(text) for text in self.stops]
        first = {"eos_token_id": stops[0]}
        every: dict[str, object] = {"eos_token_id": stops} if len(stops) > 1 else {"eos_token_id": stops[0]}
        write_json(folder / "config.json", {**config, **(every if self.stops_in == "config" else first)})
        write_json(folder / "generation_config.json", {**self.generation_config, **every})
        tokenizer.save(str(folder / "tokenizer.json"))
        names = {"eos_token": self.stops[0]} | ({"bos_token": self.bos} if self.bos else {})
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **names})
        if self.template is not None:
            (folder / "chat_template.jinja").write_bytes((TEMPLATES / self.template).read_bytes())
        mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "mlx"})


def _readable(token: str | None) -> bool:
    return token is not None and len(token) == 1 and token.isascii()
