"""A scripted SoundEngine and its codec: a sound is its bytes read as text, a segment a word, a second each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.errors import GenerationFailed, InvalidMedia, MlxkError
from domain.inference.sound import SoundFile
from domain.inference.transcription import (
    HeardSegment,
    HearingEvent,
    HearingProgress,
    Segment,
    Transcription,
    TranscriptionRequest,
)
from domain.inference.turns import Turns
from domain.serving.vitals import EnginePulse
from ports.sound_engine import SoundJob, SoundRequest

POISON = "poison"  # a word over which the engine fails
PATIENCE_SECONDS = 20


@dataclass
class ScriptedSoundCodec:
    """gate: a file whose name is `slow` is prepared only once it is set. prepared: names of files that were begun."""

    gate: threading.Event = field(default_factory=threading.Event)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def prepare(self, request: SoundRequest) -> tuple[str, ...]:
        assert isinstance(request, TranscriptionRequest)
        if isinstance(request.sound, SoundFile):
            self.begun.release()
            assert self.gate.wait(PATIENCE_SECONDS)
            return (request.sound.name,)
        if request.sound.data == b"\xff":
            raise InvalidMedia("this is no sound", param="file")
        if request.sound.data == b"\xfe":
            raise ZeroDivisionError("a fault of the codec's")
        return tuple(request.sound.data.decode().split())


@dataclass
class _Job:
    words: tuple[str, ...]
    told: list[Segment] = field(default_factory=list)


class ScriptedSoundEngine:
    """One word of one sound a step. gate: a step waits until it is set, and tells of itself by `begun` first."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self.order: list[int] = []
        self.step_seconds = 0.5
        self._turns = Turns()
        self._jobs: dict[int, _Job] = {}
        self._fresh: list[tuple[int, HearingEvent | MlxkError]] = []
        self._closed = False

    def add(self, job: SoundJob) -> None:
        if self._closed or not isinstance(job.prepared, tuple) or not isinstance(job.request, TranscriptionRequest):
            raise GenerationFailed("this engine takes no such sound")
        self._jobs[job.job_id] = _Job(job.prepared)
        self._turns.add(job.job_id, live=job.request.live)
        self._fresh.append((job.job_id, HearingProgress(0.0, float(len(job.prepared)))))

    def step(self) -> Sequence[tuple[int, HearingEvent | MlxkError]]:
        if self._fresh:
            news, self._fresh = self._fresh, []
            return news
        if not (turn := self._turns.next()):
            return ()
        self.begun.release()
        assert self.gate.wait(PATIENCE_SECONDS)
        job_id = turn[0]
        self._turns.served(job_id)
        self.order.append(job_id)
        return [(job_id, event) for event in self._hear(job_id, self._jobs[job_id])]

    def drop(self, job_id: int) -> None:
        self._turns.drop(job_id)
        self._jobs.pop(job_id, None)
        self._fresh = [each for each in self._fresh if each[0] != job_id]

    @property
    def jobs(self) -> int:
        return len(self._jobs)

    def pulse(self) -> EnginePulse:
        begun = sum(bool(job.told) for job in self._jobs.values())
        return EnginePulse(running=begun, reading=len(self._jobs) - begun, step_seconds=self.step_seconds)

    def close(self) -> None:
        self._closed = True
        self._jobs.clear()

    def _hear(self, job_id: int, job: _Job) -> list[HearingEvent | MlxkError]:
        at, total = len(job.told), float(len(job.words))
        word = job.words[at] if at < len(job.words) else ""
        if word == POISON:
            self.drop(job_id)
            return [GenerationFailed("the model failed on this sound")]
        events: list[HearingEvent | MlxkError] = []
        if word:
            job.told.append(Segment(at, float(at), at + 1.0, f" {word}"))
            events += [HeardSegment(job.told[-1], f" {word}" if at else word), HearingProgress(at + 1.0, total)]
        if len(job.told) == len(job.words):
            self.drop(job_id)
            events.append(Transcription(" ".join(job.words), "en", total, tuple(job.told), 1, len(job.words)))
        return events
