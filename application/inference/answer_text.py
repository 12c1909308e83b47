"""One answer, from tokens to text."""

from __future__ import annotations

from collections.abc import Sequence

from domain.inference import Finished, FinishReason, GenerationEvent, StopMatcher, TextDelta, Usage
from ports.text_codec import TokenDecoder


class AnswerText:
    """Turns one row's steps into events. One owner; no step may follow once `finished` is true."""

    def __init__(self, decoder: TokenDecoder, stop: Sequence[str], prompt_tokens: int) -> None:
        self._decoder = decoder
        self._matcher = StopMatcher(stop)
        self._prompt_tokens = prompt_tokens
        self._completion_tokens = 0
        self.finished = False

    def add(self, token: int, finish: FinishReason | None) -> list[GenerationEvent]:
        """The events of one more token. A stop token counts but is no text; a stop string ends the answer here."""
        self._completion_tokens += 1
        text = "" if finish is FinishReason.STOP else self._decoder.add(token)
        if finish is None:
            shown = self._matcher.feed(text) if text else ""
        else:
            shown = self._matcher.feed(text + self._decoder.finish())
            shown += "" if self._matcher.stopped else self._matcher.finish()
        events: list[GenerationEvent] = [TextDelta(shown)] if shown else []
        if self._matcher.stopped or finish is not None:
            self.finished = True
            reason = FinishReason.STOP if self._matcher.stopped or finish is FinishReason.STOP else FinishReason.LENGTH
            events.append(Finished(reason, Usage(self._prompt_tokens, self._completion_tokens)))
        return events
