"""Text to tokens and back, by the model's own tokenizer and template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.inference import GenerationRequest, OutputFormat, PicturesSeen, Tool, ToolCall
from domain.inference.text_length import TextLength
from ports.token_constraint import TokenConstraint


@dataclass(frozen=True, slots=True)
class PromptPicture:
    """Where in the prompt a picture's own tokens stand: from `start` up to `end`. digest: of the picture as the model
    gets it: the same tokens with another picture are another prompt. sound: it is a sound; what is said of pictures
    holds for it too.
    """

    start: int
    end: int
    digest: str
    sound: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PromptMedia:
    """What a prompt shows beside its tokens. pictures: in the order of their places, sounds among them. inputs: as the
    model's own processor made them, arrays of numbers by name, those of sounds as lists with one for each sound; nobody
    outside the inference adapters looks at them.
    """

    pictures: tuple[PromptPicture, ...]
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """tokens: the whole prompt. anchors: rising lengths of it at which a turn ends. reasoning_open: the prompt ends
    inside a thought, so the answer begins there. starts_tool_call: the prompt ends with the opening of a call, because
    one is required; for channels with `<|channel|>commentary to=functions.`, so that the answer begins with the name.
    media: what is shown with it. seen: the pictures as they were decoded. added: of a bare prompt that is to be told,
    how many of the first tokens the tokenizer put before the text.
    """

    tokens: tuple[int, ...]
    anchors: tuple[int, ...] = ()
    reasoning_open: bool = False
    starts_tool_call: bool = False
    media: PromptMedia | None = None
    seen: PicturesSeen | None = None
    added: int = 0


class TokenDecoder(Protocol):
    """Token ids of one answer to text, piece by piece; the pieces joined equal the answer decoded whole."""

    def add(self, token: int) -> str:
        """Text that is now certain; "" while a character is still incomplete."""

    def finish(self) -> str:
        """What was held back; bytes that form no character come out as U+FFFD. The decoder is spent."""


class TextCodec(Protocol):
    """Thread-safe with respect to the engine: it does no MLX work. One thread at a time calls `encode`, `constraint`,
    `decoder` and `longest_token`; one other thread the rest, and the decoders.
    """

    @property
    def context_length(self) -> int:
        """Tokens that prompt and answer may have together."""

    @property
    def generation_config(self) -> Mapping[str, object]:
        """The model's generation_config.json, {} when it has none."""

    @property
    def declared_stops(self) -> frozenset[int]:
        """The stop tokens that the model's own files name; others may have been found in its template."""

    @property
    def output_format(self) -> OutputFormat:
        """How this model marks thoughts and calls."""

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        """The conversation as the model's chat template writes it, with the opening of the assistant's turn, or open
        inside the assistant's last turn when that is to be continued.

        A model without a template gets its turns as plain paragraphs; a request without a template their bare text. A
        bare prompt's text is tokenised as it is, with what the tokenizer puts before a text; its tokens are taken as
        they are, and InvalidRequest names one that the tokenizer does not have.
        Raises InvalidRequest when the template refuses the conversation, with the template's own words;
        CapabilityMismatch when there are tools and the model knows none.
        """

    def decoder(self) -> TokenDecoder:
        """A fresh decoder for one answer."""

    def token_bytes(self, token: int) -> bytes:
        """The bytes that a token stands for in the text; b"" for ids without any."""

    def longest_token(self) -> TextLength:
        """The greatest length of a text that is one token, by either count: no text of n tokens is longer than n times
        this. At least 1. The first call may look at the whole vocabulary.
        """

    def parse_tool_calls(self, text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
        """The calls in the text between the marks, in order, those of what is not on offer too. Raises ValueError for
        text that holds none.
        """

    def constraint(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:
        """What the request demands of the answer's form: its `output`, or the calls that its tools require.

        Raises InvalidRequest, with the compiler's words, for what cannot be enforced.
        """
