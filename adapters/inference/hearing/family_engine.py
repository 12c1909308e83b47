"""Speech-to-text families that mlx-audio reads as a whole, one piece of a sound after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

from adapters.inference.engine.memory import untried_seconds
from adapters.inference.hearing.codec import PreparedSound, hearing
from adapters.inference.hearing.faults import as_failure
from adapters.inference.hearing.listener import Listener
from adapters.inference.hearing.pieces import PIECE_SECONDS, language_of, long_enough, piece_end, segments_of
from adapters.inference.hearing.telling import Telling
from adapters.inference.sound.decoding import Samples, decoded
from domain.errors import GenerationFailed, MlxkError
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from domain.inference.turns import Turns
from domain.serving.vitals import EnginePulse
from ports.sound_engine import SoundJob, SoundRequest

News = list[tuple[int, HearingEvent | MlxkError]]


class FamilyCodec:
    """SoundCodec: what a family cannot be asked for is refused before anything is heard."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def prepare(self, request: SoundRequest) -> PreparedSound:
        asked = hearing(request)
        self._listener.options(asked)
        sound = decoded(asked.sound, self._listener.rate)
        return PreparedSound(sound.samples, (), sound.warnings)


@dataclass(slots=True, eq=False)
class _Job:
    request: TranscriptionRequest
    options: Mapping[str, Any]
    samples: Samples
    telling: Telling
    at: int = 0


class FamilyEngine:
    """SoundEngine. A step is one piece of a sound, of PIECE_SECONDS at most: one call into the library, which cannot be
    interrupted. What it is announced to take is what the slowest took, twice, and before the first as long as the piece
    is: a model that is slower than speech is of no use.
    """

    def __init__(self, listener: Listener, clock: Callable[[], float] = time.perf_counter) -> None:
        """clock: seconds."""
        self._listener: Listener | None = listener
        self._clock = clock
        self._jobs: dict[int, _Job] = {}
        self._turns = Turns()
        self._fresh: News = []
        self._longest = 0.0
        self._untried = max(untried_seconds(), PIECE_SECONDS)

    def add(self, job: SoundJob) -> None:
        request, prepared = hearing(job.request), job.prepared
        if self._listener is None:
            raise GenerationFailed("the model has been closed")
        if not isinstance(prepared, PreparedSound):
            raise GenerationFailed("the sound was prepared for another model")
        telling = Telling(len(prepared.samples) / self._listener.rate, request.language, prepared.warnings)
        self._jobs[job.job_id] = _Job(request, self._listener.options(request), prepared.samples, telling)
        self._turns.add(job.job_id, live=request.live)
        self._fresh.append((job.job_id, telling.progress(0.0)))

    def step(self) -> Sequence[tuple[int, HearingEvent | MlxkError]]:
        if self._fresh:
            news, self._fresh = self._fresh, []
            return news
        turn = self._turns.next()
        if not turn or self._listener is None:
            return ()
        job_id = turn[0]
        self._turns.served(job_id)
        began = self._clock()
        try:
            events = self._hear(self._listener, self._jobs[job_id])
        except Exception as fault:  # noqa: BLE001 - translated: it becomes this job's error
            self.drop(job_id)
            return [(job_id, as_failure(fault))]
        self._longest = max(self._longest, self._clock() - began)
        if self._jobs[job_id].at >= len(self._jobs[job_id].samples):
            self.drop(job_id)
        return [(job_id, event) for event in events]

    def drop(self, job_id: int) -> None:
        self._turns.drop(job_id)
        self._jobs.pop(job_id, None)
        self._fresh = [each for each in self._fresh if each[0] != job_id]

    @property
    def jobs(self) -> int:
        return len(self._jobs)

    def pulse(self) -> EnginePulse:
        begun = sum(job.at > 0 for job in self._jobs.values())
        return EnginePulse(
            running=begun,
            reading=len(self._jobs) - begun,
            step_seconds=2 * self._longest or self._untried,
            active_bytes=mx.get_active_memory(),
            cache_bytes=mx.get_cache_memory(),
            peak_bytes=mx.get_peak_memory(),
        )

    def close(self) -> None:
        self._jobs.clear()
        self._listener = None
        mx.clear_cache()

    def _hear(self, listener: Listener, job: _Job) -> list[HearingEvent]:
        end = piece_end(job.samples, job.at, listener.rate)
        piece = job.samples[job.at : end]
        told = listener.hear(long_enough(piece, listener.rate), job.options, job.at)
        seconds, offset = len(piece) / listener.rate, job.at / listener.rate
        job.telling.language = job.telling.language or language_of(told)
        job.telling.prompt_tokens += int(getattr(told, "prompt_tokens", 0) or 0)
        job.telling.completion_tokens += int(getattr(told, "generation_tokens", 0) or 0)
        found = segments_of(told, offset, seconds, words=job.request.words)
        job.at = end
        events: list[HearingEvent] = [job.telling.heard(segment) for segment in found]
        events.append(job.telling.progress(end / listener.rate))
        if end >= len(job.samples):
            events.append(job.telling.whole())
        return events
