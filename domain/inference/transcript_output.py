"""What a transcript has found, in order, until somebody takes it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.inference.events import ReasoningDelta, TextDelta, ToolCallDelta
from domain.inference.transcript_marks import Trimmed

AnswerDelta = TextDelta | ReasoningDelta | ToolCallDelta
BETWEEN_PARTS = "\n\n"


@dataclass(frozen=True, slots=True)
class Span:
    """From and to (exclusive): characters of all that the model wrote."""

    start: int
    end: int


class TranscriptOutput:
    """Deltas so far untaken; neighbours of a kind are joined. One owner.

    at: characters of the answer that the readers are done with. spans: of each TextDelta untaken, the characters it was
    made of. thoughts: of each thought, those of its marks included; the last one's end is missing while it goes on.
    called: a call has begun. calls: complete ones. ended: nothing that follows is of interest. stopped: because of a
    stop string. clean: nothing visible since the beginning, a thought or a call. shown: anything visible at all.
    """

    def __init__(self, *, holds_space: bool) -> None:
        """holds_space: whitespace waits for what follows, because before a call it is dropped."""
        self.at = 0
        self.called = False
        self.calls = 0
        self.ended = False
        self.stopped = False
        self.clean = True
        self.shown = False
        self.warnings: list[str] = []
        self.thoughts: list[tuple[int, int | None]] = []
        self.spans: list[Span] = []
        self._holds_space = holds_space
        self._space = ""
        self._space_start = 0
        self._joint = ""
        self._thought = Trimmed()
        self._thought_shown = False
        self._deltas: list[AnswerDelta] = []

    def take(self) -> tuple[list[AnswerDelta], list[Span]]:
        deltas, spans = self._deltas, self.spans
        self._deltas, self.spans = [], []
        return deltas, spans

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)

    # Text

    def show(self, text: str, start: int) -> None:
        """Visible text, written from `start` on."""
        if not text:
            return
        self.clean = False
        if self._space:
            text, start = self._space + text, self._space_start
            self._space = ""
        if self._holds_space:
            body = text.rstrip()
            self._space, self._space_start, text = text[len(body) :], start + len(body), body
        if text:
            self._put_text(text, Span(start, start + len(text)))

    def passes(self, piece: str) -> bool:
        """Further text, given here, would be shown at once and as it is."""
        return not (self.clean or self._space or self._joint or (self._holds_space and piece[-1].isspace()))

    def boundary(self) -> None:
        """A call begins: the whitespace before it goes, and what follows is a new beginning."""
        self._space = ""
        self.clean = True

    def part(self) -> None:
        """What is shown next is a part of its own: an empty line, which nobody wrote, goes before it."""
        self.boundary()
        self._joint = BETWEEN_PARTS if self.shown else ""

    def close(self) -> None:
        """Nothing more comes: whitespace at the end of the answer is part of it."""
        if self._space:
            space, self._space = self._space, ""
            self._put_text(space, Span(self._space_start, self._space_start + len(space)))

    def _put_text(self, text: str, span: Span) -> None:
        self.shown = True
        text, self._joint = self._joint + text, ""
        last = self._deltas[-1] if self._deltas else None
        if isinstance(last, TextDelta) and self.spans[-1].end == span.start:
            self._deltas[-1] = TextDelta(last.text + text)
            self.spans[-1] = Span(self.spans[-1].start, span.end)
        else:
            self._deltas.append(TextDelta(text))
            self.spans.append(span)

    # Thoughts and calls

    def open_thought(self, start: int) -> None:
        """start: of its opening mark."""
        self.boundary()
        self.thoughts.append((start, None))
        self._thought = Trimmed()

    def think(self, text: str) -> None:
        """More of the thought that is open, which is shown without the whitespace around it."""
        fresh = not self._thought.begun
        text = self._thought.add(text)
        if not text:
            return
        if fresh and self._thought_shown:
            text = BETWEEN_PARTS + text
        self._thought_shown = True
        last = self._deltas[-1] if self._deltas else None
        if isinstance(last, ReasoningDelta):
            self._deltas[-1] = ReasoningDelta(last.text + text)
        else:
            self._deltas.append(ReasoningDelta(text))

    @property
    def thinking(self) -> bool:
        """A thought is open."""
        return bool(self.thoughts) and self.thoughts[-1][1] is None

    def close_thought(self, end: int) -> None:
        self.thoughts[-1] = (self.thoughts[-1][0], end)

    def call(self, delta: ToolCallDelta) -> None:
        self.called = True
        last = self._deltas[-1] if self._deltas else None
        if isinstance(last, ToolCallDelta) and last.index == delta.index and delta.call_id is None:
            self._deltas[-1] = ToolCallDelta(last.index, last.call_id, last.name, last.arguments + delta.arguments)
        else:
            self._deltas.append(delta)

    def stop(self) -> None:
        """A stop string was found."""
        self.ended = self.stopped = True
