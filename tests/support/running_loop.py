"""An engine loop on a thread of its own, over a scripted engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from application.inference.engine_loop import IDLE_SECONDS, EngineLoop
from application.inference.prepare_request import FreshValues, PrepareRequest
from domain.errors import MlxkError
from domain.inference import (
    DefaultLength,
    GenerationEvent,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
)
from domain.serving.prompt_explanation import PromptExplanation
from tests.support.fakes.codec import ByteCodec
from tests.support.fakes.engine import ScriptedEngine

Event = GenerationEvent | PromptExplanation | MlxkError
FRESH_SEED = 99
CALL_ID = "call_fresh"


def asking(
    text: str = "hello", *, max_tokens: int | None = 8, stop: tuple[str, ...] = (), seed: int | None = None
) -> GenerationRequest:
    limits = TokenLimits(DefaultLength.FULL_CONTEXT, max_tokens)
    return GenerationRequest((Message(Role.USER, text),), limits, SamplingRequest(seed=seed), stop)


@dataclass
class Running:
    """A loop on an engine thread of its own, and everything it emitted."""

    engine: ScriptedEngine
    codec: ByteCodec = field(default_factory=ByteCodec)
    batches: list[list[tuple[int, Event]]] = field(default_factory=list)
    tell: Callable[[str], None] | None = None
    idle_seconds: float = IDLE_SECONDS
    crash: BaseException | None = None
    sink_fault: BaseException | None = None
    now: float = 0.0

    def __post_init__(self) -> None:
        prepare = PrepareRequest(self.codec, FreshValues(lambda: FRESH_SEED, lambda: CALL_ID, lambda: self.now))
        self.loop = EngineLoop(self.engine, prepare, self._emit, self.tell, self.idle_seconds)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._news = threading.Condition()

    def tick(self, now: float) -> None:
        """The loop's clock shows this from now on."""
        self.now = now

    def start(self) -> Running:
        self._thread.start()
        return self

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as fault:  # noqa: BLE001 - kept for the test to look at
            self.crash = fault

    def _emit(self, events: Sequence[tuple[int, Event]]) -> None:
        if self.sink_fault is not None:
            raise self.sink_fault
        with self._news:
            self.batches.append(list(events))
            self._news.notify_all()

    def events(self, request_id: int) -> list[Event]:
        return [event for batch in list(self.batches) for owner, event in batch if owner == request_id]

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(done, timeout=20), what

    def answer(self, request_id: int) -> list[Event]:
        """All events of a request, once it has ended."""
        self.wait(f"end of {request_id}", lambda: any(not isinstance(e, TextDelta) for e in self.events(request_id)))
        return self.events(request_id)

    def ends(self) -> bool:
        """Drain; True when the loop has returned in time."""
        if self.engine.gate is not None:
            self.engine.gate.set()
        self.loop.drain()
        self._thread.join(timeout=20)
        return not self._thread.is_alive()


Start = Callable[..., Running]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))
