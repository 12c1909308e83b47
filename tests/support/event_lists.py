"""Answers that are lists of events, and somebody to ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from domain.errors import MlxkError
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    PictureFacts,
    PicturesSeen,
    TextDelta,
    Usage,
)

Step = GenerationEvent | MlxkError | None


class ListedEvents:
    """PatientStream. read: how many events were taken. released: it ended, or was cancelled."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = list(steps)
        self.read = 0
        self.cancelled = False
        self.released = False

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> GenerationEvent | None:
        """None in its place in the steps, for who does not wait for ever."""
        if self.cancelled or self.read == len(self._steps):
            raise StopIteration
        step = self._steps[self.read]
        self.read += 1
        self.released = self.read == len(self._steps)
        if isinstance(step, MlxkError):
            self.released = True
            raise step
        return self.next_within(None) if step is None and seconds is None else step

    def cancel(self) -> None:
        self.cancelled = self.released = True


class Asked:
    """requests: what was asked. streams: what came back, by default what was seen and `I see <n>.`, n from 1."""

    def __init__(self, *answers: Sequence[Step]) -> None:
        self._answers = list(answers)
        self.requests: list[GenerationRequest] = []
        self.streams: list[ListedEvents] = []

    def __call__(self, request: GenerationRequest) -> ListedEvents:
        at = len(self.requests)
        self.requests.append(request)
        steps = self._answers[at] if at < len(self._answers) else seen_and_said(request, f"I see {at + 1}.")
        self.streams.append(ListedEvents(steps))
        return self.streams[-1]


def seen_and_said(
    request: GenerationRequest, text: str, reason: FinishReason = FinishReason.STOP
) -> tuple[GenerationEvent, ...]:
    """As a worker answers: first what it saw, then a piece a word."""
    seen = PicturesSeen(tuple(PictureFacts(each.digest, "PNG", 2, 2) for each in request.pictures))
    pieces = [TextDelta(piece) for piece in text.replace(" ", " \0").split("\0")]
    return (seen, *pieces, Finished(reason, Usage(10, len(pieces), 1, 4)))
