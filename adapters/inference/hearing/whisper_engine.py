"""Several sounds through one Whisper, a bounded piece of work at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import mlx.core as mx

from adapters.inference.engine.memory import untried_seconds
from adapters.inference.hearing.codec import PreparedSound, hearing
from adapters.inference.hearing.faults import as_failure
from adapters.inference.hearing.whisper_job import WhisperJob
from adapters.inference.hearing.window import Attempt, Reader
from domain.errors import GenerationFailed, MlxkError
from domain.inference.transcription import HearingEvent
from domain.inference.turns import Turns
from domain.serving.vitals import EnginePulse
from ports.sound_engine import SoundJob

MOST_ROWS = 16
PIECE_SECONDS = 0.25  # after which others get their turn
SLOWEST_OPERATIONS = 2 * 10**10  # a second, of the slowest machine that is of use

News = list[tuple[int, HearingEvent | MlxkError]]


class WhisperEngine:
    """SoundEngine. A piece is one window's encoding, or next tokens for PIECE_SECONDS of all rows that are being read:
    those of live sounds or those of others, as Turns has it.
    """

    def __init__(
        self, reader: Reader, most_rows: int = MOST_ROWS, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """most_rows: that are read side by side, MOST_ROWS at most. clock: seconds."""
        self._most_rows = min(most_rows, MOST_ROWS)
        self._reader: Reader | None = reader
        self._clock = clock
        self._jobs: dict[int, WhisperJob] = {}
        self._turns = Turns()
        self._fresh: News = []
        self._longest = 0.0
        self._untried = max(untried_seconds(), _operations(reader) / SLOWEST_OPERATIONS)

    def add(self, job: SoundJob) -> None:
        request, prepared = hearing(job.request), job.prepared
        if self._reader is None:
            raise GenerationFailed("the model has been closed")
        if not isinstance(prepared, PreparedSound):
            raise GenerationFailed("the sound was prepared for another model")
        made = WhisperJob(request, prepared, self._reader)
        self._jobs[job.job_id] = made
        self._turns.add(job.job_id, live=request.live)
        self._fresh.append((job.job_id, made.opened()))

    def step(self) -> Sequence[tuple[int, HearingEvent | MlxkError]]:
        if self._fresh:
            news, self._fresh = self._fresh, []
            return news
        turn = self._turns.next()
        if not turn or self._reader is None:
            return ()
        began = self._clock()
        reading = [job_id for job_id in turn if self._jobs[job_id].attempt is not None]
        waiting = [job_id for job_id in turn if self._jobs[job_id].attempt is None]
        hears = waiting and len(reading) < self._most_rows
        news = self._hear(waiting[0]) if hears else self._read(self._reader, reading)
        self._longest = max(self._longest, self._clock() - began)
        return news

    def drop(self, job_id: int) -> None:
        self._turns.drop(job_id)
        self._jobs.pop(job_id, None)
        self._fresh = [each for each in self._fresh if each[0] != job_id]

    @property
    def jobs(self) -> int:
        return len(self._jobs)

    def pulse(self) -> EnginePulse:
        running = sum(job.attempt is not None for job in self._jobs.values())
        return EnginePulse(
            running=running,
            reading=len(self._jobs) - running,
            step_seconds=self._longest or self._untried,
            active_bytes=mx.get_active_memory(),
            cache_bytes=mx.get_cache_memory(),
            peak_bytes=mx.get_peak_memory(),
        )

    def close(self) -> None:
        self._jobs.clear()
        self._reader = None
        mx.clear_cache()

    def _hear(self, job_id: int) -> News:
        self._turns.served(job_id)
        try:
            self._jobs[job_id].hear()
        except Exception as fault:  # noqa: BLE001 - translated: it becomes this job's error
            return self._fail(job_id, fault)
        return []

    def _read(self, reader: Reader, ids: Sequence[int]) -> News:
        """Until the piece's time is over or all windows have ended."""
        rows = self._side_by_side(ids)
        until = self._clock() + PIECE_SECONDS
        news: News = []
        while rows and self._clock() < until:
            news += self._next_tokens(reader, rows)
            for job_id in [each for each in rows if self._ended(each)]:
                rows.remove(job_id)
                news += self._conclude(job_id)
        return news

    def _side_by_side(self, ids: Sequence[int]) -> list[int]:
        """What goes into one batch: a row that failed beside others is read alone."""
        first, *others = ids
        if self._jobs[first].alone:
            self._turns.served(first)
            return [first]
        return [first, *(each for each in others if not self._jobs[each].alone)][: self._most_rows]

    def _next_tokens(self, reader: Reader, rows: list[int]) -> News:
        news: News = []
        for job_id in [each for each in rows if not self._attempt(each).sampled]:
            try:
                reader.begin(self._attempt(job_id))
            except Exception as fault:  # noqa: BLE001 - translated: it becomes this job's error
                rows.remove(job_id)
                news += self._fail(job_id, fault)
        going = [each for each in rows if not self._attempt(each).ended]
        if not going:
            return news
        try:
            reader.go_on([self._attempt(each) for each in going])
        except Exception as fault:  # noqa: BLE001 - translated: it becomes the error of the job that made it
            if len(going) == 1:
                rows.remove(going[0])
                return [*news, *self._fail(going[0], fault)]
            for each in going:
                rows.remove(each)
                self._jobs[each].alone = True
                self._jobs[each].retry()
        return news

    def _attempt(self, job_id: int) -> Attempt:
        attempt = self._jobs[job_id].attempt
        if attempt is None:
            raise GenerationFailed("no window of this sound is being read")
        return attempt

    def _ended(self, job_id: int) -> bool:
        return self._attempt(job_id).ended

    def _conclude(self, job_id: int) -> News:
        job = self._jobs[job_id]
        try:
            events = job.conclude()
        except Exception as fault:  # noqa: BLE001 - translated: it becomes this job's error
            return self._fail(job_id, fault)
        if job.attempt is None and job.done:
            self.drop(job_id)
        return [(job_id, event) for event in events]

    def _fail(self, job_id: int, fault: Exception) -> News:
        self.drop(job_id)
        return [(job_id, as_failure(fault))]


def _operations(reader: Reader) -> float:
    """Of one window's encoding, about."""
    dims = reader.network.model.dims
    weights = 12 * dims.n_audio_state**2 * dims.n_audio_layer
    looked_at = dims.n_audio_ctx * dims.n_audio_state * dims.n_audio_layer
    return float(2 * dims.n_audio_ctx * (weights + 2 * looked_at))
