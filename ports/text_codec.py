"""Text to tokens and back, by the model's own tokenizer and template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.inference import Message


class TokenDecoder(Protocol):
    """Token ids of one answer to text, piece by piece; the pieces joined equal the answer decoded whole."""

    def add(self, token: int) -> str:
        """Text that is now certain; "" while a character is still incomplete."""

    def finish(self) -> str:
        """What was held back; bytes that form no character come out as U+FFFD. The decoder is spent."""


class TextCodec(Protocol):
    """Thread-safe with respect to the engine: it does no MLX work. One thread at a time calls it."""

    @property
    def context_length(self) -> int:
        """Tokens that prompt and answer may have together."""

    @property
    def generation_config(self) -> Mapping[str, object]:
        """The model's generation_config.json, {} when it has none."""

    def encode_chat(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The conversation as the model's chat template writes it, with the opening of the assistant's turn.

        A model without a template gets its turns as plain paragraphs. Raises InvalidRequest when the template refuses
        the conversation, with the template's own words.
        """

    def decoder(self) -> TokenDecoder:
        """A fresh decoder for one answer."""
