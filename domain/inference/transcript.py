"""One answer's text, taken apart: what was thought, what is said, what is to be called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.inference.events import FinishReason, TextDelta
from domain.inference.output_format import OutputFormat
from domain.inference.transcript_calls import CallRules
from domain.inference.transcript_channels import ChannelReader
from domain.inference.transcript_output import AnswerDelta, Span, TranscriptOutput
from domain.inference.transcript_tags import TagReader


@dataclass(frozen=True, slots=True)
class AnswerStart:
    """Where the prompt leaves off: inside of a thought, inside of a call (for channels: after `to=functions.`), or
    inside of what is being said. None of them: at the beginning.
    """

    in_thought: bool = False
    in_call: bool = False
    in_text: bool = False


BEGINNING = AnswerStart()


class Transcript:
    """Feed it the answer in pieces, then `finish` it. However the answer is cut, the deltas joined are the same, and
    nothing of a mark or of a stop string is ever shown.

    - Thoughts are given without their marks and without the whitespace at both ends; of several, an empty line goes
      between them. One that never closes is a thought all the same. The whitespace after it goes too.
    - A thought can open only where nothing is visible yet: at the start, after another, after a call. Elsewhere its
      mark is text.
    - Calls are read where `rules` are given; without them they are text. The whitespace before a call goes, and so does
      what follows one, if that is whitespace only. One that begins inside of a thought ends it. A call that cannot be
      read is text, marks included, with a warning; what was shown of one that breaks off later stays, with a warning.
    - Stop strings work on visible text only. The earliest one cuts the answer.

    One owner.
    """

    def __init__(
        self,
        form: OutputFormat,
        stop: Sequence[str] = (),
        rules: CallRules | None = None,
        start: AnswerStart = BEGINNING,
    ) -> None:
        """rules: None when no tools are on offer."""
        self._out = TranscriptOutput(holds_space=rules is not None and form.can_call_tools)
        self._reader = (
            ChannelReader(stop, rules, self._out) if form.channels else TagReader(form, stop, rules, self._out)
        )
        self._pending = ""
        self._spans: list[Span] = []
        if start.in_thought and form.can_reason:
            self._reader.begin_in_thought()
        elif start.in_call and rules is not None and form.can_call_tools:
            self._reader.begin_in_call()
        elif start.in_text:
            self._reader.begin_in_text()

    def feed(self, piece: str) -> list[AnswerDelta]:
        """What is now certain. Nothing more once it has `ended`."""
        out = self._out
        if out.ended or not piece:
            self._spans = []
            return []
        if not self._pending and out.passes(piece):
            words = self._reader.plain
            if words is not None and words.none_begins_in(piece):
                self._spans = [Span(out.at, out.at + len(piece))]
                out.at += len(piece)
                return [TextDelta(piece)]
        text = self._pending + piece
        self._pending = text[self._reader.read(text, None) :]
        return self._take()

    def finish(self, reason: FinishReason) -> list[AnswerDelta]:
        """What was held back. reason: STOP when the model ended its answer, LENGTH when it was cut."""
        if not self._out.ended:
            self._pending = self._pending[self._reader.read(self._pending, reason) :]
        self._out.close()
        return self._take()

    @property
    def spans(self) -> Sequence[Span]:
        """For each TextDelta of the last `feed` or `finish`, the characters of the answer that it was made of."""
        return self._spans

    @property
    def thoughts(self) -> Sequence[tuple[int, int | None]]:
        """Of each thought, its characters, marks included; the end is missing while it goes on."""
        return self._out.thoughts

    @property
    def ended(self) -> bool:
        """The answer is over before the model says so: a stop string came, or the one call that was wanted."""
        return self._out.ended

    @property
    def stopped(self) -> bool:
        """A stop string came."""
        return self._out.stopped

    @property
    def calls(self) -> int:
        """Complete ones."""
        return self._out.calls

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self._out.warnings)

    def _take(self) -> list[AnswerDelta]:
        if self._out.ended:
            self._out.close()
        deltas, self._spans = self._out.take()
        return deltas
