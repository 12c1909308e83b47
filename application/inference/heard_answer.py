"""What is heard, as an answer in a conversation."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from domain.inference import Finished, FinishReason, GenerationEvent, TextDelta, Usage
from domain.inference.subtitles import segment_table
from domain.inference.transcription import HeardSegment, HearingEvent, HearingProgress, Transcription
from ports.model_worker import PatientEvents

BETWEEN = "\n\n"


class HeardAnswer:
    """PatientStream over a transcription: its text, and with `table` a table of the segments behind it. transcription:
    the last event of what was heard, once it has come. One consumer; `cancel` from any thread.
    """

    def __init__(self, events: PatientEvents[HearingEvent], *, table: bool = False) -> None:
        self._events = events
        self._table = table
        self._ready: deque[GenerationEvent] = deque()
        self._cancelled = threading.Event()
        self.transcription: Transcription | None = None

    def __iter__(self) -> Iterator[GenerationEvent]:
        return self

    def __next__(self) -> GenerationEvent:
        while (event := self.next_within(None)) is None:
            pass
        return event

    def next_within(self, seconds: float | None) -> GenerationEvent | None:
        while not self._ready:
            if self._cancelled.is_set() or self.transcription is not None:
                raise StopIteration
            event = self._events.next_within(seconds)
            match event:
                case None:
                    return None
                case HearingProgress(done_seconds, _):
                    if seconds is not None and done_seconds > 0:
                        return None  # so that a patient consumer can look around
                case HeardSegment():
                    self._ready.append(TextDelta(event.delta))
                case Transcription():
                    self.transcription = event
                    self._end(event)
        return self._ready.popleft()

    def cancel(self) -> None:
        self._cancelled.set()
        self._events.cancel()

    def _end(self, heard: Transcription) -> None:
        if self._table and (table := segment_table(heard.segments)):
            self._ready.append(TextDelta(f"{BETWEEN}{table}"))
        usage = Usage(heard.prompt_tokens, heard.completion_tokens)
        self._ready.append(Finished(FinishReason.STOP, usage, None, heard.warnings))
