"""A prompt told back to whoever asked for it, with the scores of its tokens."""

from __future__ import annotations

from collections.abc import Sequence

from application.inference.answer_text import TokenReader
from domain.inference import PromptDelta, TokenLogprob
from ports.text_codec import EncodedPrompt
from ports.text_engine import TokenScore


class PromptEcho:
    """One prompt. Made on one thread, told on another; nobody shares it meanwhile.

    The text is the given one where there is one: a tokenizer may spell it differently. Tokens that the tokenizer put
    before it have no text of it, and stand at its beginning.
    """

    def __init__(self, prompt: EncodedPrompt, text: str | None, reader: TokenReader, *, scored: bool) -> None:
        """text: the prompt as it was given; None when it came as tokens. reader: its decoder is used up. scored: tell
        the tokens too.
        """
        self._tokens = prompt.tokens
        self._reader = reader
        self._offsets = [0] * prompt.added
        pieces: list[str] = []
        written = 0
        for token in prompt.tokens[prompt.added :]:
            self._offsets.append(written)
            pieces.append(reader.decoder.add(token))
            written += len(pieces[-1])
        self._text = "".join([*pieces, reader.decoder.finish()]) if text is None else text
        self._scored_too = scored
        self._told = 0
        self._spoken = False

    @property
    def pending(self) -> bool:
        """Nothing of it has been told."""
        return not self._spoken

    def tell(self, scores: Sequence[TokenScore] = ()) -> PromptDelta:
        """What comes next: the text once, and the tokens that the scores are of, before them the prompt's first."""
        text, self._spoken = "" if self._spoken else self._text, True
        if not self._scored_too:
            return PromptDelta(text)
        first = () if self._told else (TokenScore(0.0),)
        return PromptDelta(text, tuple(self._scored(score) for score in (*first, *scores)))

    def _scored(self, score: TokenScore) -> TokenLogprob:
        at, self._told = self._told, self._told + 1
        top = tuple(self._reader.scored(other, logprob) for other, logprob in score.top)
        offset = min(self._offsets[at], len(self._text))
        return TokenLogprob(self._reader.scored(self._tokens[at], score.logprob), top, offset)
