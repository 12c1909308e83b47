"""Speeches, one piece of one text after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import mlx.core as mx

from adapters.inference.engine.memory import untried_seconds
from adapters.inference.speaking.codec import PreparedSpeech, speaking
from adapters.inference.speaking.confining import Confined
from adapters.inference.speaking.speaker import Speaker
from adapters.inference.speaking.speech_job import SpeechJob
from domain.errors import GenerationFailed, InsufficientMemory, MlxkError
from domain.inference.speech import SpeechEvent, Spoken
from domain.inference.speech_text import MOST_CHARACTERS
from domain.serving.vitals import EnginePulse
from ports.sound_engine import SoundJob

UNTRIED_SECONDS = 60.0  # for a piece of some fifteen seconds: a model that is slower is of no use
SLACK = 2.0
WORDS = 300  # characters of a library's complaint


class SpeakingEngine:
    """SoundEngine. A step is one call into the library, which cannot be interrupted: most families say a whole piece in
    one, some say it bit by bit. Jobs take turns between pieces, never within one.
    """

    def __init__(self, speaker: Speaker, clock: Callable[[], float] = time.perf_counter) -> None:
        """clock: seconds."""
        self._speaker: Speaker | None = speaker
        self._clock = clock
        self._jobs: dict[int, SpeechJob] = {}  # in the order of their turns
        self._slowest = 0.0  # seconds for a character
        self._characters = 0  # of the piece in work
        self._spent = 0.0  # on it

    def add(self, job: SoundJob) -> None:
        request, prepared = speaking(job.request), job.prepared
        if self._speaker is None:
            raise GenerationFailed("the model has been closed")
        if not isinstance(prepared, PreparedSpeech):
            raise GenerationFailed("the text was prepared for another model")
        self._jobs[job.job_id] = SpeechJob(self._speaker, request, prepared)

    def step(self) -> Sequence[tuple[int, SpeechEvent | MlxkError]]:
        if not self._jobs:
            return ()
        job_id, job = next(iter(self._jobs.items()))
        try:
            events = self._advance(job)
        except Exception as fault:  # noqa: BLE001 - translated: it becomes this job's error
            self.drop(job_id)
            return [(job_id, as_failure(fault))]
        if events and isinstance(events[-1], Spoken):
            self.drop(job_id)
        elif not job.within:
            self._jobs[job_id] = self._jobs.pop(job_id)
        return [(job_id, event) for event in events]

    def drop(self, job_id: int) -> None:
        job = self._jobs.pop(job_id, None)
        if job is not None:
            job.close()

    @property
    def jobs(self) -> int:
        return len(self._jobs)

    def pulse(self) -> EnginePulse:
        begun = sum(job.begun for job in self._jobs.values())
        untried = max(untried_seconds(), UNTRIED_SECONDS)
        return EnginePulse(
            running=begun,
            reading=len(self._jobs) - begun,
            step_seconds=SLACK * self._slowest * MOST_CHARACTERS if self._slowest else untried,
            active_bytes=mx.get_active_memory(),
            cache_bytes=mx.get_cache_memory(),
            peak_bytes=mx.get_peak_memory(),
        )

    def close(self) -> None:
        for job_id in list(self._jobs):
            self.drop(job_id)
        self._speaker = None
        mx.clear_cache()

    def _advance(self, job: SpeechJob) -> list[SpeechEvent]:
        if not job.within:
            self._characters, self._spent = job.next_characters, 0.0
        began = self._clock()
        events = job.advance()
        self._spent += self._clock() - began
        if not job.within:
            self._slowest = max(self._slowest, self._spent / max(1, self._characters))
        return events


def as_failure(fault: Exception) -> MlxkError:
    """The fault itself where it is one of ours."""
    if isinstance(fault, MlxkError):
        return fault
    words = " ".join(str(fault).split()) or type(fault).__name__
    if isinstance(fault, MemoryError):
        failure: MlxkError = InsufficientMemory("there is no memory for this speech", hint="send a shorter text")
    elif isinstance(fault, Confined):
        failure = GenerationFailed(f"the model cannot speak without what is kept from it: {words[:WORDS]}")
    else:
        failure = GenerationFailed(f"the model failed on this text: {words[:WORDS]}")
    failure.__cause__ = fault
    return failure
