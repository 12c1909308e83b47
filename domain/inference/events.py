"""What happens while an answer is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FinishReason(StrEnum):
    """Why an answer ended: a stop token or string, or the token limit. Stop beats length when both hit."""

    STOP = "stop"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, counted by the tokenizer: never estimated. completion_tokens includes the stop token when one came."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A non-empty piece of the answer. Pieces joined are the whole answer, character for character."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of an answer."""

    reason: FinishReason
    usage: Usage


GenerationEvent = TextDelta | Finished
