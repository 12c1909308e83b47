"""An answer about pictures: their table, then what the model says; for several groups of them, one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from domain.errors import InvalidMedia
from domain.inference import (
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    PicturesSeen,
    PromptProgress,
    TextDelta,
    Usage,
)
from ports.model_worker import PatientStream

BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Section:
    """events: of one group's answer; nothing runs before they are read. heading: what goes before it, from what the
    worker told of the pictures; "" for nothing.
    """

    events: PatientStream
    heading: Callable[[PicturesSeen | None], str]


class PictureAnswer:
    """PatientStream. A section is asked for when the one before it has ended. Its heading waits for its first piece, so
    that an error before that is not one in the middle of an answer. What the worker tells of pictures goes into
    headings and no further. One consumer; `cancel` from any thread.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = tuple(sections)
        self._ends: list[Finished] = []
        self._seen: PicturesSeen | None = None
        self._opened = False
        self._ready: deque[GenerationEvent] = deque()
        self._over = False

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> GenerationEvent | None:
        if self._over:
            raise StopIteration
        try:
            event = self._next(seconds)
        except BaseException:
            self.cancel()
            raise
        self._over = isinstance(event, Finished)
        return event

    def cancel(self) -> None:
        """All of them: those that were not begun hold a place too."""
        self._over = True
        for section in self._sections:
            section.events.cancel()

    def _next(self, seconds: float | None) -> GenerationEvent | None:
        while not self._ready:
            section = self._sections[len(self._ends)]
            event = self._heard(section, seconds)
            if event is None:
                return None
            self._take(section, event)
        return self._ready.popleft()

    def _heard(self, section: Section, seconds: float | None) -> GenerationEvent | None:
        """A worker counts the pictures of the group that it is shown: an error says which group that is."""
        try:
            return section.events.next_within(seconds)
        except InvalidMedia as fault:
            if len(self._sections) == 1:
                raise
            which = f"chunk {len(self._ends) + 1} of {len(self._sections)}"
            raise InvalidMedia(f"{which}: {fault.message}", hint=fault.hint, param=fault.param) from fault

    def _take(self, section: Section, event: GenerationEvent) -> None:
        match event:
            case PicturesSeen():
                self._seen = event
                return
            case PromptProgress():
                if not self._ends:
                    self._ready.append(event)
                return
        if not self._opened:
            self._opened = True
            opening = (BETWEEN if self._ends else "") + section.heading(self._seen)
            if opening:
                self._ready.append(TextDelta(opening))
        if isinstance(event, Finished):
            self._ends.append(event)
            self._seen, self._opened = None, False
            if len(self._ends) == len(self._sections):
                self._ready.append(_together(self._ends))
        else:
            self._ready.append(event)


def _together(ends: Sequence[Finished]) -> Finished:
    """The sum of all; cut short when one of them was."""
    if len(ends) == 1:
        return ends[0]
    usages = [end.usage for end in ends]
    usage = Usage(
        sum(each.prompt_tokens for each in usages),
        sum(each.completion_tokens for each in usages),
        sum(each.reasoning_tokens for each in usages),
        sum(each.cached_tokens for each in usages),
    )
    cut = any(end.reason is FinishReason.LENGTH for end in ends)
    reason = FinishReason.LENGTH if cut else ends[-1].reason
    warnings = tuple(dict.fromkeys(warning for end in ends for warning in end.warnings))
    return Finished(reason, usage, _report([end.report for end in ends if end.report is not None]), warnings)


def _report(reports: Sequence[GenerationReport]) -> GenerationReport | None:
    """The last one's, with the times of all; the wait is the first one's."""
    if not reports:
        return None
    return replace(
        reports[-1],
        waiting_seconds=reports[0].waiting_seconds,
        prefill_seconds=sum(each.prefill_seconds for each in reports),
        decode_seconds=sum(each.decode_seconds for each in reports),
        peak_memory_bytes=max(each.peak_memory_bytes for each in reports),
        alone=next((each.alone for each in reports if each.alone is not None), None),
    )
