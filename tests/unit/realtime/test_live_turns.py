"""Models that a live session asks for before anybody has spoken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from application.serving.live_counts import LiveCounts
from application.serving.live_turns import MOST_WAITING_MODELS, TurnsInOrder
from domain.inference.transcription import HearingEvent, TranscriptionRequest
from ports.model_worker import PatientEvents

PATIENCE_SECONDS = 20


class SlowEar:
    """Ear. Loads one model at a time, when it is told to."""

    def __init__(self) -> None:
        self.begun: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.gate = threading.Semaphore(0)

    def prepare(self, model: str, given_up: Callable[[], bool]) -> None:
        self.begun.put(model)
        assert self.gate.acquire(timeout=PATIENCE_SECONDS)

    def listen(
        self, model: str, request: TranscriptionRequest, given_up: Callable[[], bool]
    ) -> PatientEvents[HearingEvent]:
        raise AssertionError("nobody speaks")


def test_a_client_that_changes_its_mind_many_times_has_few_models_loaded_and_the_last_one() -> None:
    ear = SlowEar()
    turns = TurnsInOrder(ear, lambda _event: None, LiveCounts())
    turns.prepare("first")
    assert ear.begun.get(timeout=PATIENCE_SECONDS) == "first"
    for number in range(1_000):
        turns.prepare(f"model-{number}")
    ear.gate.release(1 + MOST_WAITING_MODELS)
    turns.finish()
    loaded = [ear.begun.get(timeout=PATIENCE_SECONDS) for _ in range(MOST_WAITING_MODELS)]
    assert (loaded, ear.begun.empty()) == (["model-0", "model-1", "model-2", "model-999"], True)
