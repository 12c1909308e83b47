"""What happens while an answer is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.inference.sampling import Sampling


class FinishReason(StrEnum):
    """Why an answer ended: a stop token or string, the token limit, or calls that the caller must run first. Stop beats
    length when both hit. The engine says STOP or LENGTH only.
    """

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, counted by the tokenizer: never estimated. completion_tokens includes the stop token when one came, and
    the reasoning_tokens. cached_tokens: of the prompt, those that need not be read again.
    """

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """raw: the token's bytes, which may be part of a character. logprob: natural logarithm, by the model itself, before
    penalties, bias, masks and temperature.
    """

    text: str
    raw: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token and the likeliest ones in its place, likeliest first. offset: the character of the answer (or of the
    prompt) at which its text begins, counted from 0; marks and thoughts count where there are any.
    """

    chosen: ScoredToken
    top: tuple[ScoredToken, ...] = ()
    offset: int = 0


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """The prompt is being read: `done` of its `total` tokens so far, remembered ones included. Only before the answer
    begins, and only for requests that ask for it.
    """

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class PromptDelta:
    """A piece of a bare prompt, for requests that want to hear it; before the answer. Pieces joined are the whole
    prompt. logprobs: of its next tokens, when they were asked for. The prompt's first token follows nothing, so its
    logprob says nothing: it is 0.
    """

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture as its file tells it. format: as Pillow names it, such as JPEG. width, height: upright, in pixels.
    latitude, longitude: degrees, south and west negative. taken: date and time as in ISO 8601. Unknown is None.
    """

    digest: str
    format: str
    width: int
    height: int
    latitude: float | None = None
    longitude: float | None = None
    taken: str | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class PicturesSeen:
    """The pictures of the request, as the worker decoded them, in the order in which the model sees them; before
    anything of the answer.
    """

    pictures: tuple[PictureFacts, ...]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer. Pieces joined are the whole answer, character for character. logprobs: of the tokens that
    this piece completes, when they were asked for; only then may `text` be empty.
    """

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A non-empty piece of what the model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of one call. index: from 0, in the order of the calls. call_id, name: set on a call's first piece and
    None on all others. arguments: pieces joined are the call's arguments, JSON text.
    """

    index: int
    call_id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """How an answer came about, for people who want to know.

    sampling, max_tokens: in force. waiting_seconds: from the request's arrival at the engine to the first chunk of its
    prompt. prefill_seconds: from there to the first token. decode_seconds: from the first token to the last.
    last_tokens: up to three, ids and texts. stop_tokens: how many came in a row at the end, when that was asked for; at
    most one where the first is one that the model's files declare. alone: why it was not decoded in a batch with
    others; None when it was.
    """

    sampling: Sampling
    max_tokens: int
    waiting_seconds: float = 0.0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0
    peak_memory_bytes: int = 0
    last_tokens: tuple[tuple[int, str], ...] = ()
    stop_tokens: int = 0
    alone: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of an answer. warnings: what went wrong without being an error, such as a call that could not be
    parsed and was given as text.
    """

    reason: FinishReason
    usage: Usage
    report: GenerationReport | None = None
    warnings: tuple[str, ...] = ()


GenerationEvent = TextDelta | ReasoningDelta | ToolCallDelta | Finished | PromptProgress | PromptDelta | PicturesSeen
