"""Whisper's tokens with a meaning, and its text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlx_audio.stt.models.whisper.tokenizer import LANGUAGES
from mlx_audio.stt.models.whisper.whisper import HFTokenizerWrapper

LEAST_MULTILINGUAL = 51_865  # tokens of a vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class WhisperTokens:
    """Ids. languages: by code; {} for a model that knows English alone. no_speech: None where the vocabulary lacks it.
    suppressed: never sampled. blank: never sampled first. tokenizer: of transformers, for the engine's thread alone.
    """

    end: int
    start: int
    previous: int
    transcribe: int
    translate: int
    untimed: int
    first_stamp: int
    no_speech: int | None
    languages: Mapping[str, int]
    suppressed: tuple[int, ...]
    blank: tuple[int, ...]
    tokenizer: Any

    @property
    def multilingual(self) -> bool:
        return bool(self.languages)

    def encode(self, text: str) -> tuple[int, ...]:
        """Of text within a sound; from any thread."""
        return tuple(self.tokenizer.backend_tokenizer.encode(f" {text.strip()}", add_special_tokens=False).ids)

    def text(self, tokens: Sequence[int]) -> str:
        """Of the words among the tokens, with the space before the first."""
        words = [token for token in tokens if token < self.end]
        return str(self.tokenizer.backend_tokenizer.decode(words, skip_special_tokens=False))

    def opening(self, language: str | None, *, translates: bool, times: bool) -> tuple[int, ...]:
        """What every window begins with, from the start token on."""
        tokens = [self.start]
        if language is not None and self.multilingual:
            tokens += [self.languages[language], self.translate if translates else self.transcribe]
        return tuple(tokens if times else [*tokens, self.untimed])

    def spelled(self, language: str | None) -> HFTokenizerWrapper:
        """As mlx-audio's alignment wants it."""
        return HFTokenizerWrapper(self.tokenizer, self.multilingual, max(1, len(self.languages)), language)


def whisper_tokens(tokenizer: Any, vocabulary: int) -> WhisperTokens:
    """tokenizer: of transformers. vocabulary: rows of the model's. Raises ValueError where one that is needed is
    missing, or lies beyond the model's vocabulary.
    """
    known: dict[str, int] = tokenizer.get_vocab()
    needed = {
        name: _id(known, name)
        for name in ("startoftranscript", "startofprev", "transcribe", "translate", "notimestamps")
    }
    end, first_stamp = _id(known, "endoftext"), known.get("<|0.00|>", needed["notimestamps"] + 1)
    if max(*needed.values(), end, first_stamp) >= vocabulary:
        raise ValueError(f"its tokenizer has tokens beyond the {vocabulary:,} that the model knows")
    no_speech = known.get("<|nospeech|>", known.get("<|nocaptions|>"))
    languages = {code: known[f"<|{code}|>"] for code in LANGUAGES if f"<|{code}|>" in known}
    wrapped = HFTokenizerWrapper(tokenizer)
    return WhisperTokens(
        end=end,
        start=needed["startoftranscript"],
        previous=needed["startofprev"],
        transcribe=needed["transcribe"],
        translate=needed["translate"],
        untimed=needed["notimestamps"],
        first_stamp=first_stamp,
        no_speech=no_speech,
        languages=languages if vocabulary >= LEAST_MULTILINGUAL else {},
        suppressed=tuple(token for token in wrapped.non_speech_tokens if token < end),
        blank=tuple(token for token in wrapped.encode(" ") if token < end),
        tokenizer=tokenizer,
    )


def _id(known: Mapping[str, int], name: str) -> int:
    try:
        return known[f"<|{name}|>"]
    except KeyError:
        raise ValueError(f"its tokenizer has no <|{name}|>: it is none of Whisper's") from None
