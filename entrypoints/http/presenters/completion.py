"""Answers to bare prompts as OpenAI's text_completion objects, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from application.inference.several import ChoiceEvent
from domain.inference import Finished, GenerationEvent, PromptDelta, PromptProgress, TextDelta, TokenLogprob
from domain.inference.choices import total_usage
from domain.inference.events import ScoredToken
from entrypoints.http.errors import ClientGone
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.presenters.parts import LEAST_LOGPROB, present_extras, present_usage
from entrypoints.http.presenters.sse import Ending

OBJECT = "text_completion"


@dataclass
class TokenTable:
    """`logprobs` of a choice as the older API has them: columns, a place for each token. The first token of a prompt
    follows nothing: its logprob is null.
    """

    tokens: list[str] = field(default_factory=list)
    token_logprobs: list[float | None] = field(default_factory=list)
    top_logprobs: list[dict[str, float] | None] = field(default_factory=list)
    text_offset: list[int] = field(default_factory=list)

    def add(self, logprobs: Iterable[TokenLogprob], begin: int, *, of_prompt: bool = False) -> None:
        """begin: where the text that their offsets count from begins. of_prompt: they are its tokens, from the first on
        where the table is empty.
        """
        for each in logprobs:
            first = of_prompt and not self.tokens
            self.tokens.append(spelled(each.chosen))
            self.token_logprobs.append(None if first else _finite(each.chosen))
            self.top_logprobs.append(None if first else _likeliest(each))
            self.text_offset.append(begin + each.offset)

    def present(self) -> dict[str, object]:
        return {
            "tokens": self.tokens,
            "token_logprobs": self.token_logprobs,
            "top_logprobs": self.top_logprobs,
            "text_offset": self.text_offset,
        }


@dataclass
class _Gathered:
    text: list[str] = field(default_factory=list)
    table: TokenTable = field(default_factory=TokenTable)
    prompt_characters: int = 0
    finished: Finished | None = None

    def take(self, event: GenerationEvent) -> None:
        match event:
            case PromptDelta(text, logprobs):
                self.text.append(text)
                self.prompt_characters += len(text)
                self.table.add(logprobs, 0, of_prompt=True)
            case TextDelta(text, logprobs):
                self.text.append(text)
                self.table.add(logprobs, self.prompt_characters)
            case Finished():
                self.finished = event


def present_completion(
    identity: AnswerIdentity, events: Iterable[ChoiceEvent], shape: AnswerShape
) -> dict[str, object]:
    """Reads the answers to their end. Raises ClientGone when they were cancelled, and whatever `events` raises."""
    gathered = [_Gathered() for _ in range(shape.choices)]
    for index, event in events:
        gathered[index].take(event)
    ends = [each.finished for each in gathered if each.finished is not None]
    if len(ends) < len(gathered):
        raise ClientGone
    choices = []
    for index, (each, end) in enumerate(zip(gathered, ends, strict=True)):
        choice = _choice(index, "".join(each.text), each.table if shape.scored else None, end.reason.value)
        choices.append(choice | (present_extras(end, report=shape.report) if shape.choices > 1 else {}))
    extras = present_extras(ends[0], report=shape.report) if shape.choices == 1 else {}
    usage = total_usage([end.usage for end in ends], shape.answers)
    return {**identity.head(OBJECT), "choices": choices, "usage": present_usage(usage), **extras}


class CompletionChunks:
    """Chunks: one an event, then the reason."""

    def __init__(self, identity: AnswerIdentity, shape: AnswerShape) -> None:
        self._ending = Ending(identity, OBJECT, shape)
        self._shape = shape
        self._prompt_characters = [0] * shape.choices
        self._told = [False] * shape.choices

    def of(self, index: int, event: GenerationEvent) -> str:
        match event:
            case PromptDelta(text, logprobs):
                table = self._table(logprobs, 0, of_prompt=not self._told[index])
                self._told[index] = self._told[index] or bool(logprobs)
                self._prompt_characters[index] += len(text)
                return self._ending.chunk(_choice(index, text, table))
            case TextDelta(text, logprobs):
                table = self._table(logprobs, self._prompt_characters[index])
                return self._ending.chunk(_choice(index, text, table))
            case Finished():
                extras = present_extras(event, report=self._shape.report)
                last = self._ending.chunk(_choice(index, "", None, event.reason.value), extras)
                return last + self._ending.after(index, event)
            case PromptProgress():
                return self._ending.progress(_choice(index, "", None), event)
            case _:
                return ""

    def _table(self, logprobs: tuple[TokenLogprob, ...], begin: int, *, of_prompt: bool = False) -> TokenTable | None:
        if not logprobs or not self._shape.scored:
            return None
        table = TokenTable()
        table.add(logprobs, begin, of_prompt=of_prompt)
        return table


def spelled(token: ScoredToken) -> str:
    r"""Its text, or its bytes as `bytes:\xe2\x80` where they are only part of a character."""
    try:
        return token.raw.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token.raw)


def _choice(index: int, text: str, table: TokenTable | None, finish_reason: str | None = None) -> dict[str, object]:
    logprobs = None if table is None else table.present()
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish_reason}


def _likeliest(logprob: TokenLogprob) -> dict[str, float]:
    """By spelling; the token itself is always among them. Of tokens spelled alike the likelier counts."""
    found: dict[str, float] = {}
    for token in (*logprob.top, logprob.chosen):
        found.setdefault(spelled(token), _finite(token))
    return found


def _finite(token: ScoredToken) -> float:
    return max(token.logprob, LEAST_LOGPROB)
