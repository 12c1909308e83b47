"""A worker's inner life where it hears or speaks: requests come in, pieces of work are done, events go out."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from application.inference.loop_messages import Cancel, Crash, Drain, Failure, Listen
from application.inference.loop_threads import started
from domain.errors import DeadlineMissed, GenerationFailed, MlxkError, ServerShutdown
from domain.inference.speech import SpeechPiece, Spoken
from domain.inference.transcription import Transcription, TranscriptionRequest
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.sound_engine import SoundCodec, SoundEngine, SoundEvent, SoundJob, SoundRequest
from ports.worker_channel import Reply, RequestEvents, SpeechMade

FADING = 0.9  # a slow piece is expected again, a little less with each that is not slow
OUTBOX_REPLIES = 64  # that wait for the front, at most


@dataclass(frozen=True, slots=True)
class _Asked:
    request_id: int
    request: SoundRequest


class _Line:
    """Requests that one preparation thread takes in turn. since: when it began with the one in work."""

    def __init__(self) -> None:
        self.asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self.since: float | None = None

    @property
    def length(self) -> int:
        return self.asked.qsize() + (self.since is not None)


_Command = SoundJob | Failure | Cancel | Listen | Crash | Drain
_Told = Reply | Callable[[], None] | None


class SoundLoop:
    """Four threads, one way: two of preparation -> engine -> sender.

    The preparation threads decode sounds and check wishes, one those of requests that are live, so that nobody who
    speaks waits for a long file, the other all the rest; the engine thread (the one that calls `run`, which must
    have made the engine) does one bounded piece of work at a time, for whichever jobs the engine chooses, and looks at
    deadlines between two of them; the sender hands on what came of it. A request's error ends it, and only it. `_live`
    holds the ids of requests that are wanted; whoever ends one takes it out there first.
    """

    def __init__(
        self, engine: SoundEngine, codec: SoundCodec, send: Callable[[Reply], None], clock: Callable[[], float]
    ) -> None:
        """send: blocks until the front has taken it. clock: monotonic seconds."""
        self._engine = engine
        self._codec = codec
        self._send = send
        self._clock = clock
        self._live: set[int] = set()
        self._draining = False
        self._line, self._live_line = self._lines = _Line(), _Line()
        self._inbox: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._outbox: queue.Queue[_Told] = queue.Queue(OUTBOX_REPLIES)
        self._deadlines: dict[int, tuple[float, float]] = {}  # the engine thread's own, as are the following
        self._drained_lines = 0
        self._slowest_seconds = self._told_seconds = 0.0
        self._forewarned: Callable[[EngineVitals], None] = lambda _: None
        self._totals = EngineTotals()

    # Any thread

    def submit(self, request_id: int, request: SoundRequest) -> None:
        """Queue a request. While the worker is ending it is answered with ServerShutdown."""
        self._live.add(request_id)
        if not self._draining:
            live = isinstance(request, TranscriptionRequest) and request.live
            (self._live_line if live else self._line).asked.put(_Asked(request_id, request))
        if self._draining:  # perhaps just now, and the request stands behind the last one that is read
            self._inbox.put(Failure(request_id, ServerShutdown("the model's worker is ending", hint="ask again")))

    def cancel(self, request_id: int) -> None:
        """Forget a request: no further piece of work is done for it. Unknown ids are no error."""
        if request_id in self._live:
            self._live.discard(request_id)
            self._inbox.put(Cancel(request_id))

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        """answer: called by the sender's thread once the engine has looked, between two pieces of work."""
        self._inbox.put(Listen(answer))

    def forewarn(self, told: Callable[[EngineVitals], None]) -> None:
        """told: as `answer`, unasked, before a piece that may take longer than was told last. To be set before `run`."""
        self._forewarned = told

    @property
    def idle(self) -> bool:
        """Nothing that was asked for is unanswered."""
        return not self._live

    def drain(self) -> None:
        """Take nothing new; `run` returns when all that was asked for is answered. Safe in a signal handler."""
        if not self._draining:
            self._draining = True
            self._end_lines()

    # The engine thread

    def run(self) -> None:
        """Work until drained. Raises whatever breaks one of the threads as a whole."""
        sender = started("mlxk-send", self._send_all, self._inbox.put)
        names = zip(("mlxk-prepare", "mlxk-prepare-live"), self._lines, strict=True)
        preparers = [started(name, partial(self._prepare, line), self._inbox.put) for name, line in names]
        try:
            while self._take_commands():
                self._step()
        finally:
            self._end_lines()
        self._outbox.put(None)
        sender.join()
        for preparer in preparers:
            preparer.join()

    def _end_lines(self) -> None:
        for line in self._lines:
            line.asked.put(None)

    def _take_commands(self) -> bool:
        """Obey what has come in; wait only while there is nothing to do. False when drained and idle."""
        while True:
            idle = not self._engine.jobs
            if idle and self._drained_lines == len(self._lines):
                return False
            try:
                command = self._inbox.get(block=idle)
            except queue.Empty:
                return True
            self._obey(command)

    def _obey(self, command: _Command) -> None:
        match command:
            case SoundJob():
                self._begin(command)
            case Failure(request_id, error):
                self._fail(request_id, error)
            case Cancel(request_id):
                self._forget(request_id)
            case Listen(answer):
                self._tell_vitals(answer, self._engine.pulse())
            case Crash(fault):
                raise fault
            case Drain():
                self._drained_lines += 1

    def _begin(self, job: SoundJob) -> None:
        if job.job_id not in self._live:
            return
        try:
            self._engine.add(job)
        except MlxkError as fault:
            self._fail(job.job_id, fault)
            return
        allowed = job.request.deadline_seconds
        if allowed is not None:
            self._deadlines[job.job_id] = self._clock() + allowed, allowed

    def _step(self) -> None:
        pulse = self._engine.pulse()
        if pulse.step_seconds > self._told_seconds:
            self._tell_vitals(self._forewarned, pulse)
        began = self._clock()
        self._tell(self._engine.step())
        self._slowest_seconds = max(self._clock() - began, self._slowest_seconds * FADING)
        self._totals = self._totals.plus(EngineTotals(steps=1))
        self._end_the_late()

    def _end_the_late(self) -> None:
        now = self._clock()
        for job_id, (at, allowed) in list(self._deadlines.items()):
            if now > at:
                late = f"it was not done after {allowed:g} s"
                self._fail(job_id, DeadlineMissed(late, hint="send a shorter one, or allow more time"))

    def _tell(self, news: Sequence[tuple[int, SoundEvent | MlxkError]]) -> None:
        """In order; blocks while the front takes nothing."""
        events: list[tuple[int, SoundEvent | MlxkError]] = []
        for job_id, event in news:
            if job_id not in self._live:
                continue
            if isinstance(event, SpeechPiece):
                self._hand_over(events)
                events = []
                self._outbox.put(SpeechMade(job_id, event.data))
                continue
            events.append((job_id, event))
            if isinstance(event, Transcription | Spoken | MlxkError):
                self._live.discard(job_id)
                self._deadlines.pop(job_id, None)
            if isinstance(event, Transcription | Spoken):
                self._totals = self._totals.plus(
                    EngineTotals(prompt_tokens=event.prompt_tokens, generated_tokens=event.completion_tokens)
                )
        self._hand_over(events)

    def _hand_over(self, events: Sequence[tuple[int, SoundEvent | MlxkError]]) -> None:
        if events:
            self._outbox.put(RequestEvents(events))

    def _fail(self, request_id: int, error: MlxkError) -> None:
        self._forget(request_id)
        if request_id in self._live:
            self._live.discard(request_id)
            self._outbox.put(RequestEvents([(request_id, error)]))

    def _forget(self, request_id: int) -> None:
        self._engine.drop(request_id)
        self._deadlines.pop(request_id, None)

    def _tell_vitals(self, told: Callable[[EngineVitals], None], pulse: EnginePulse) -> None:
        now = self._clock()
        vitals = EngineVitals(
            pulse=pulse,
            totals=self._totals,
            step_seconds=max(pulse.step_seconds, self._slowest_seconds),
            preparing=sum(line.length for line in self._lines),
            preparing_seconds=max(0.0 if line.since is None else now - line.since for line in self._lines),
        )
        self._told_seconds = vitals.step_seconds
        self._outbox.put(lambda: told(vitals))

    # The other threads

    def _prepare(self, line: _Line) -> None:
        while (asked := line.asked.get()) is not None:
            if asked.request_id in self._live:
                line.since = self._clock()
                self._inbox.put(self._prepared(asked))
                line.since = None
        self._inbox.put(Drain())

    def _prepared(self, asked: _Asked) -> SoundJob | Failure:
        try:
            return SoundJob(asked.request_id, asked.request, self._codec.prepare(asked.request))
        except MlxkError as error:
            return Failure(asked.request_id, error)
        except Exception as fault:  # noqa: BLE001 - translated: it becomes this request's error
            failure = GenerationFailed(f"the sound or text could not be prepared: {type(fault).__name__}: {fault}")
            failure.__cause__ = fault
            return Failure(asked.request_id, failure)

    def _send_all(self) -> None:
        while (what := self._outbox.get()) is not None:
            if callable(what):
                what()
            else:
                self._send(what)
