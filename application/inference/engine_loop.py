"""A worker's inner life: requests come in, one batched engine steps, events go out."""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence

from application.inference.answer_text import AnswerText, events_of
from application.inference.loop_messages import (
    Ask,
    Begin,
    Cancel,
    Command,
    Crash,
    Drain,
    Explain,
    Failure,
    Found,
    Heard,
    Listen,
    News,
)
from application.inference.loop_tally import LoopTally
from application.inference.loop_threads import started
from application.inference.prepare_request import PreparedRequest, PrepareRequest
from application.inference.reuse_log import ReuseLog, explanation_of
from domain.errors import GenerationFailed, MlxkError, ServerShutdown
from domain.inference import GenerationEvent, GenerationRequest
from domain.serving.cache_check import CacheChecks
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.vitals import EngineVitals
from ports.text_engine import EngineRow, RowStep, TextEngine

EventSink = Callable[[Sequence[tuple[int, GenerationEvent | PromptExplanation | MlxkError]]], None]
IDLE_SECONDS = 1.0


class EngineLoop:
    """Three threads, one way: preparation -> engine -> text.

    The preparation thread renders templates and tokenises; the engine thread (the one that calls `run`, which must have
    made the engine) admits rows and steps; the text thread detokenises, matches stop strings and calls `emit` once for
    each step, with the events of all rows. Template and text work may be slow or hostile and never holds up a step.

    A request ends with Finished, its explanation or one error, after which it is forgotten; a cancelled one is
    forgotten at once.
    `_live` holds the ids of requests that are wanted. Whoever ends one takes it out there first and then tells the
    other threads; each of them looks there before it takes a request on, so none is ever taken on too late.
    """

    def __init__(
        self,
        engine: TextEngine,
        prepare: PrepareRequest,
        emit: EventSink,
        tell: Callable[[str], None] | None = None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """tell: takes a line about what each request reused; None where nobody wants to know. idle_seconds: after so
        long without work the engine may use the time, once, until the next row comes.
        """
        self._engine = engine
        self._prepare = prepare
        self._emit = emit
        self._reuse = ReuseLog(tell, prepare.spelled)
        self._idle_seconds = idle_seconds
        self._live: set[int] = set()
        self._draining = False
        self._requests: queue.SimpleQueue[Ask | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._running: set[int] = set()  # the engine thread's own: rows the engine has and has not finished
        self._drained = False  # the engine thread's own
        self._rested = False  # the engine thread's own: it had its moment since the last row
        self._checks = CacheChecks()  # the engine thread's own
        self._tally = LoopTally(prepare.clock)
        self._forewarned: Callable[[EngineVitals], None] = lambda _: None

    # Any thread

    def submit(self, request_id: int, request: GenerationRequest) -> None:
        """Queue a request. While the worker is ending it is answered with ServerShutdown."""
        self._ask(Ask(request_id, request))

    def explain(self, request_id: int, request: GenerationRequest) -> None:
        """As `submit`, but the answer is a PromptExplanation, and nothing is generated."""
        self._ask(Ask(request_id, request, explain=True))

    def _ask(self, ask: Ask) -> None:
        self._live.add(ask.request_id)
        if not self._draining:
            self._requests.put(ask)
        if self._draining:  # perhaps just now, and the request stands behind the last one that is read
            self._outbox.put(Failure(ask.request_id, ServerShutdown("the model's worker is ending", hint="ask again")))

    def cancel(self, request_id: int) -> None:
        """Forget a request: its row takes no part in the next step. Unknown ids are no error."""
        if request_id in self._live:
            self._live.discard(request_id)
            self._inbox.put(Cancel(request_id))
            self._outbox.put(Cancel(request_id))

    def ask_vitals(self, answer: Callable[[EngineVitals], None]) -> None:
        """answer: called by the text thread once the engine has looked, between two steps."""
        self._inbox.put(Listen(answer))

    def forewarn(self, told: Callable[[EngineVitals], None]) -> None:
        """told: as `answer`, unasked, before a step that may take longer than was told last. To be set before `run`."""
        self._forewarned = told

    @property
    def idle(self) -> bool:
        """Nothing that was asked for is unanswered."""
        return not self._live

    def drain(self) -> None:
        """Take nothing new; `run` returns when all that was asked for is answered. Safe in a signal handler."""
        if not self._draining:
            self._draining = True
            self._requests.put(None)

    # The engine thread

    def run(self) -> None:
        """Work until drained. Raises whatever breaks the engine or one of the threads as a whole."""
        writer = started("mlxk-text", self._write_events, self._inbox.put)
        preparer = started("mlxk-prepare", self._prepare_requests, self._inbox.put)
        try:
            while self._take_commands():
                self._step()
        finally:
            self._outbox.put(None)
            self._requests.put(None)
        writer.join()
        preparer.join()

    def _take_commands(self) -> bool:
        """Obey what has come in; wait only while the engine is idle. False when drained and idle."""
        while True:
            idle = not self._engine.active_rows
            if idle and self._drained:
                return False
            try:
                command = self._inbox.get(block=idle, timeout=None if self._rested else self._idle_seconds)
            except queue.Empty:
                if not idle:
                    return True
                self._rest()
            else:
                self._obey(command)

    def _rest(self) -> None:
        """Nobody has come for a while. Whoever comes now waits for this at most: what is to be learnt once, and one
        comparison. A worker whose only answer is out is usually gone by now, and has not been kept from going.
        """
        self._rested = True
        self._engine.learn()
        check = self._engine.idle()
        if check is not None:
            self._checks = self._checks.and_one_more(check)

    def _obey(self, command: Command) -> None:
        match command:
            case EngineRow(row_id=row_id):
                self._admit(row_id, command)
            case Explain(request_id, prompt):
                self._outbox.put(Found(request_id, self._engine.explain(prompt.tokens, prompt.media), self._checks))
            case Cancel(row_id):
                self._running.discard(row_id)
                self._tally.left(row_id)
                self._engine.cancel(row_id)
            case Listen(answer):
                vitals = self._tally.vitals(self._engine.pulse(), self._checks, self._requests.qsize())
                self._outbox.put(Heard(answer, vitals))
            case Drain():
                self._drained = True
            case Crash(fault):
                raise fault

    def _admit(self, row_id: int, row: EngineRow) -> None:
        if row_id not in self._live:
            return
        self._rested = False
        if self._reuse.wanted:
            self._outbox.put(Found(row_id, self._engine.explain(row.prompt, row.media)))
        try:
            self._engine.admit(row)
        except MlxkError as refusal:
            self._outbox.put(Failure(row_id, refusal))
        else:
            self._running.add(row_id)
            self._tally.admitted(row)
            self._forewarn()

    def _forewarn(self) -> None:
        """Whoever watches over this engine knows how long its next step may take before it has begun."""
        pulse = self._engine.pulse()
        if pulse.step_seconds > self._tally.told_seconds:
            self._outbox.put(Heard(self._forewarned, self._tally.vitals(pulse, self._checks, self._requests.qsize())))

    def _step(self) -> None:
        try:
            steps = self._tally.counted(self._engine.step)
        except GenerationFailed as fault:
            steps = [RowStep(row_id, None, error=fault) for row_id in sorted(self._running)]
        for step in steps:
            if step.finish is not None or step.error is not None:
                self._running.discard(step.row_id)
        if steps:
            self._outbox.put(steps)

    # The preparation thread

    def _prepare_requests(self) -> None:
        while (ask := self._requests.get()) is not None:
            if ask.request_id not in self._live:
                continue
            try:
                with self._tally.preparing():
                    if ask.explain:
                        self._inbox.put(Explain(ask.request_id, self._prepare.prompt(ask.request)))
                    else:
                        self._hand_on(self._prepare.execute(ask.request_id, ask.request))
            except MlxkError as error:
                self._outbox.put(Failure(ask.request_id, error))
        self._inbox.put(Drain())

    def _hand_on(self, prepared: PreparedRequest) -> None:
        """The text thread hears of a row before the engine does, so before its first step."""
        self._outbox.put(Begin(prepared.row.row_id, prepared.text, prepared.seen))
        self._inbox.put(prepared.row)

    # The text thread

    def _write_events(self) -> None:
        texts: dict[int, AnswerText] = {}
        while (item := self._outbox.get()) is not None:
            match item:
                case Begin(row_id, text, seen):
                    if row_id in self._live:
                        texts[row_id] = text
                        if seen is not None:
                            self._emit([(row_id, seen)])
                case Cancel(row_id):
                    texts.pop(row_id, None)
                    self._reuse.drop(row_id)
                case Found():
                    self._write_found(item)
                case Heard(answer, vitals):
                    answer(vitals)
                case Failure(row_id, error):
                    self._fail(row_id, error, texts)
                case _:
                    self._write_steps(item, texts)

    def _write_steps(self, steps: Sequence[RowStep], texts: dict[int, AnswerText]) -> None:
        self._reuse.see(steps)
        events: list[tuple[int, GenerationEvent | MlxkError]] = []
        for step in steps:
            text = texts.get(step.row_id)
            if text is None:
                continue
            news = events_of(step, text)
            events += [(step.row_id, event) for event in news]
            if text.finished or (news and isinstance(news[-1], MlxkError)):
                self._forget(step, texts)
        if events:
            self._emit(events)

    def _write_found(self, found: Found) -> None:
        if found.row_id not in self._live:
            return
        if found.checks is None:
            self._reuse.expect(found.row_id, found.divergence)
            return
        self._live.discard(found.row_id)
        self._emit([(found.row_id, explanation_of(found, self._prepare.spelled))])

    def _forget(self, step: RowStep, texts: dict[int, AnswerText]) -> None:
        """The answer is complete. A row that a stop string or a call cut is still decoding, and is called off."""
        del texts[step.row_id]
        self._reuse.drop(step.row_id)
        self._live.discard(step.row_id)
        if step.finish is None and step.error is None:
            self._inbox.put(Cancel(step.row_id))

    def _fail(self, row_id: int, error: MlxkError, texts: dict[int, AnswerText]) -> None:
        texts.pop(row_id, None)
        self._reuse.drop(row_id)
        if row_id in self._live:
            self._live.discard(row_id)
            self._emit([(row_id, error)])
