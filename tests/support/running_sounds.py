"""A sound loop on a thread of its own, and what it says."""

from __future__ import annotations

import queue
import threading
from pathlib import PurePath

from application.inference.sound_loop import SoundLoop
from domain.errors import MlxkError
from domain.inference.sound import SoundBytes, SoundFile
from domain.inference.transcription import Transcription, TranscriptionRequest
from domain.serving.vitals import EngineVitals
from ports.sound_engine import SoundEvent
from ports.worker_channel import Reply, RequestEvents
from tests.support.fakes.sound_engine import ScriptedSoundCodec, ScriptedSoundEngine

PATIENCE_SECONDS = 20


class RunningSounds:
    """now: what the loop's clock shows."""

    def __init__(self) -> None:
        self.engine = ScriptedSoundEngine()
        self.codec = ScriptedSoundCodec()
        self.now = 0.0
        self.crash: BaseException | None = None
        self.warnings: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
        self._events: dict[int, list[SoundEvent | MlxkError]] = {}
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.loop = SoundLoop(self.engine, self.codec, self._replies.put, lambda: self.now)
        self.loop.forewarn(self.warnings.put)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, request_id: int, data: bytes, *, live: bool = False, deadline: float | None = None) -> None:
        self.loop.submit(request_id, TranscriptionRequest(SoundBytes(data), live=live, deadline_seconds=deadline))

    def submit_slow_file(self, request_id: int) -> None:
        self.loop.submit(request_id, TranscriptionRequest(SoundFile(PurePath("slow"))))
        assert self.codec.begun.acquire(timeout=PATIENCE_SECONDS)

    def events(self, request_id: int) -> list[SoundEvent | MlxkError]:
        """All of them, once it has ended."""
        while not self._ended(request_id):
            reply = self._replies.get(timeout=PATIENCE_SECONDS)
            assert isinstance(reply, RequestEvents)
            for owner, event in reply.events:
                assert isinstance(event, MlxkError) or type(event).__module__.endswith("transcription")
                assert not self._ended(owner), "something was said of a request after its end"
                self._events.setdefault(owner, []).append(event)  # type: ignore[arg-type]
        return self._events[request_id]

    def answer(self, request_id: int) -> SoundEvent | MlxkError:
        return self.events(request_id)[-1]

    def text(self, request_id: int) -> str:
        answer = self.answer(request_id)
        assert isinstance(answer, Transcription), answer
        return answer.text

    def begun(self) -> None:
        """Wait until one more piece of work has begun."""
        assert self.engine.begun.acquire(timeout=PATIENCE_SECONDS)

    def vitals(self) -> EngineVitals:
        heard: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
        self.loop.ask_vitals(heard.put)
        return heard.get(timeout=PATIENCE_SECONDS)

    def drained(self) -> bool:
        self.engine.gate.set()
        self.codec.gate.set()
        self.loop.drain()
        self._thread.join(PATIENCE_SECONDS)
        return not self._thread.is_alive()

    def _ended(self, request_id: int) -> bool:
        told = self._events.get(request_id)
        return told is not None and isinstance(told[-1], Transcription | MlxkError)

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as fault:  # noqa: BLE001 - looked at by the test
            self.crash = fault
