"""An answer about pictures: their table, then what the model says; for several groups of them, one after another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

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
from ports.model_worker import GenerationStream

BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Section:
    """events: of one group's answer; nothing runs before they are read. heading: what goes before it, from what the
    worker told of the pictures; "" for nothing.
    """

    events: GenerationStream
    heading: Callable[[PicturesSeen | None], str]


class PictureAnswer:
    """GenerationStream. A section is asked for when the one before it has ended. Its heading waits for its first piece,
    so that an error before that is not one in the middle of an answer. What the worker tells of pictures goes into
    headings and no further. One consumer; `cancel` from any thread.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        self._sections = tuple(sections)
        self._over = False
        self._events = self._run()

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        if self._over:
            raise StopIteration
        try:
            event = next(self._events)
        except BaseException:
            self.cancel()
            raise
        if isinstance(event, Finished):
            self._over = True
            self._events.close()
        return event

    def cancel(self) -> None:
        """All of them: those that were not begun hold a place too."""
        self._over = True
        for section in self._sections:
            section.events.cancel()

    def _run(self) -> Generator[GenerationEvent]:
        ends: list[Finished] = []
        for section in self._sections:
            finished = yield from self._section(section, BETWEEN if ends else "")
            if finished is None:
                return
            ends.append(finished)
        yield ends[0] if len(ends) == 1 else _together(ends)

    def _section(self, section: Section, before: str) -> Generator[GenerationEvent, None, Finished | None]:
        """None when it was cancelled."""
        seen: PicturesSeen | None = None
        opened = False
        for event in section.events:
            match event:
                case PicturesSeen():
                    seen = event
                case PromptProgress():
                    yield event
                case _:
                    opening = "" if opened else before + section.heading(seen)
                    opened = True
                    if opening:
                        yield TextDelta(opening)
                    if isinstance(event, Finished):
                        return event
                    yield event
        return None


def _together(ends: Sequence[Finished]) -> Finished:
    """The sum of all; cut short when one of them was."""
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
