"""A worker's inner life where it makes vectors or scores: requests come in, passes are read, answers go out."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from application.inference.loop_messages import Cancel, Crash, Drain, Failure, Listen
from application.inference.loop_threads import started
from application.inference.vector_rows import Job, WaitingRow, WaitingRows
from application.inference.vector_slices import Asked, Slices
from domain.errors import GenerationFailed, InsufficientMemory, MlxkError, ServerShutdown
from domain.inference.embedding import EmbeddingRequest, RerankRequest, RerankScores
from domain.serving.vitals import EngineTotals, EngineVitals
from ports.vector_engine import TokenRow, VectorCodec, VectorEngine
from ports.worker_channel import Reply, RequestEvents, VectorsDone, VectorsMade

FADING = 0.9  # a slow pass is expected again, a little less with each that is not slow
OUTBOX_REPLIES = 64  # that wait for the front, at most


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a request, from the place `start` on."""

    asked: Asked
    start: int
    rows: tuple[TokenRow, ...]


_Command = _Rows | Failure | Cancel | Listen | Crash | Drain
_Told = Reply | Callable[[], None] | None


class VectorLoop:
    """Three threads, one way: preparation -> engine -> sender.

    The preparation thread tokenises, some texts of each request in turn; the engine thread (the one that calls `run`,
    which must have made the engine) puts rows of all requests into passes; the sender hands on what a pass brought.
    A request's error ends it, and only it. Requests share passes (application/inference/vector_rows.py has the rules).
    `_live` holds the ids of requests that are wanted; whoever ends one takes it out there first.
    """

    def __init__(
        self, engine: VectorEngine, codec: VectorCodec, send: Callable[[Reply], None], clock: Callable[[], float]
    ) -> None:
        """send: blocks until the front has taken it. clock: monotonic seconds."""
        self._engine = engine
        self._send = send
        self._clock = clock
        self._live: set[int] = set()
        self._draining = False
        self._inbox: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._outbox: queue.Queue[_Told] = queue.Queue(OUTBOX_REPLIES)
        self._slices = Slices(codec, self._live, clock)
        self._waiting = WaitingRows()  # the engine thread's own, as are the following
        self._drained = False
        self._slowest_seconds = 0.0
        self._passes = self._prompt_tokens = 0

    # Any thread

    def submit(self, request_id: int, request: EmbeddingRequest | RerankRequest) -> None:
        """Queue a request. While the worker is ending it is answered with ServerShutdown."""
        self._live.add(request_id)
        if not self._draining:
            self._slices.put(Asked(request_id, request))
        if self._draining:  # perhaps just now, and the request stands behind the last one that is read
            self._inbox.put(Failure(request_id, ServerShutdown("the model's worker is ending", hint="ask again")))

    def cancel(self, request_id: int) -> None:
        """Forget a request: its rows take no part in the next pass. Unknown ids are no error."""
        if request_id in self._live:
            self._live.discard(request_id)
            self._inbox.put(Cancel(request_id))

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        """answer: called by the sender's thread once the engine has looked, between two passes."""
        self._inbox.put(Listen(answer))

    @property
    def idle(self) -> bool:
        """Nothing that was asked for is unanswered."""
        return not self._live

    def drain(self) -> None:
        """Take nothing new; `run` returns when all that was asked for is answered. Safe in a signal handler."""
        if not self._draining:
            self._draining = True
            self._slices.put(None)

    # The engine thread

    def run(self) -> None:
        """Work until drained. Raises whatever breaks one of the threads as a whole."""
        sender = started("mlxk-send", self._send_all, self._inbox.put)
        preparer = started("mlxk-prepare", self._prepare, self._inbox.put)
        try:
            while self._take_commands():
                self._pass()
        finally:
            self._slices.put(None)
        self._outbox.put(None)
        sender.join()
        preparer.join()

    def _take_commands(self) -> bool:
        """Obey what has come in; wait only while there is nothing to read. False when drained and idle."""
        while True:
            idle = not self._waiting.count
            if idle and self._drained:
                return False
            try:
                command = self._inbox.get(block=idle)
            except queue.Empty:
                return True
            self._obey(command)

    def _obey(self, command: _Command) -> None:
        match command:
            case _Rows(asked, start, rows):
                self._add(asked, start, rows)
            case Failure(request_id, error):
                self._fail(request_id, error)
            case Cancel(request_id):
                self._waiting.jobs.pop(request_id, None)
            case Listen(answer):
                vitals = self._vitals()
                self._tell(lambda: answer(vitals))
            case Crash(fault):
                raise fault
            case Drain():
                self._drained = True

    def _add(self, asked: Asked, start: int, rows: Sequence[TokenRow]) -> None:
        if asked.request_id not in self._live:
            return
        job = self._waiting.jobs.get(asked.request_id)
        if job is None:
            job = Job(asked.request_id, asked.count, asked.pairs, asked.dimensions)
            self._waiting.jobs[asked.request_id] = job
        for at, row in enumerate(rows, start):
            job.add(at, row)

    def _pass(self) -> None:
        rows = self._waiting.next_pass(self._engine.batch_rows)
        began = self._clock()
        try:
            self._read(rows)
        except (GenerationFailed, InsufficientMemory) as fault:
            self._read_apart(rows, fault)
        finally:
            self._passes += 1
            self._slowest_seconds = max(self._clock() - began, self._slowest_seconds * FADING)

    def _read_apart(self, rows: Sequence[WaitingRow], fault: MlxkError) -> None:
        """Somebody's row has broken a pass: each request's by themselves, so that it breaks no other's."""
        owners = dict.fromkeys(each.request_id for each in rows)
        if len(owners) == 1:
            self._fail(rows[0].request_id, fault)
            return
        for request_id in owners:
            try:
                self._read([each for each in rows if each.request_id == request_id])
            except (GenerationFailed, InsufficientMemory) as own:
                self._fail(request_id, own)

    def _read(self, rows: Sequence[WaitingRow]) -> None:
        """One pass, and what it brings to each request."""
        if not rows:
            return
        jobs = [self._waiting.jobs[each.request_id] for each in rows]
        tokens = [each.row for each in rows]
        if jobs[0].pairs:
            for job, each, score in zip(jobs, rows, self._engine.score(tokens), strict=True):
                job.scores[each.at] = score
        else:
            vectors = self._engine.embed(tokens, [job.dimensions for job in jobs])
            for request_id in dict.fromkeys(each.request_id for each in rows):
                own = [at for at, each in enumerate(rows) if each.request_id == request_id]
                data = b"".join(vectors[at].data for at in own)
                self._tell(VectorsMade(request_id, tuple(rows[at].at for at in own), data))
        self._prompt_tokens += sum(map(len, tokens))
        for job in jobs:
            job.unread -= 1
            if not job.unread:
                self._finish(job)

    def _finish(self, job: Job) -> None:
        del self._waiting.jobs[job.request_id]
        if job.request_id not in self._live:
            return
        self._live.discard(job.request_id)
        scores = tuple(score for _, score in sorted(job.scores.items()))
        end = RerankScores(scores, job.prompt_tokens) if job.pairs else VectorsDone(job.prompt_tokens)
        self._tell(RequestEvents([(job.request_id, end)]))

    def _fail(self, request_id: int, error: MlxkError) -> None:
        self._waiting.jobs.pop(request_id, None)
        if request_id in self._live:
            self._live.discard(request_id)
            self._tell(RequestEvents([(request_id, error)]))

    def _vitals(self) -> EngineVitals:
        pulse = self._engine.pulse(running=len(self._waiting.jobs), reading=self._waiting.count)
        preparing, seconds = self._slices.state()
        return EngineVitals(
            pulse=pulse,
            totals=EngineTotals(steps=self._passes, prompt_tokens=self._prompt_tokens),
            step_seconds=max(pulse.step_seconds, self._slowest_seconds),
            preparing=preparing,
            preparing_seconds=seconds,
        )

    def _tell(self, what: _Told) -> None:
        """Blocks while the front takes nothing."""
        self._outbox.put(what)

    # The other threads

    def _prepare(self) -> None:
        for asked, start, made in self._slices:
            if isinstance(made, MlxkError):
                self._inbox.put(Failure(asked.request_id, made))
            else:
                self._inbox.put(_Rows(asked, start, made))
        self._inbox.put(Drain())

    def _send_all(self) -> None:
        while (what := self._outbox.get()) is not None:
            if callable(what):
                what()
            else:
                self._send(what)
