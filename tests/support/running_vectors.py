"""A vector loop on a thread of its own, and what it says."""

from __future__ import annotations

import queue
import threading
import time

from application.inference.vector_loop import VectorLoop
from domain.errors import MlxkError
from domain.inference.embedding import EmbeddingRequest, Embeddings, RerankRequest, RerankScores, Vector
from domain.serving.vitals import EngineVitals
from ports.worker_channel import Reply, RequestEvents, VectorsDone, VectorsMade
from tests.support.fakes.vector_runtime import ScriptedVectorCodec, ScriptedVectorEngine

PATIENCE_SECONDS = 20


class RunningVectors:
    """answers: what each request came to, in the order in which they ended."""

    def __init__(self, engine: ScriptedVectorEngine | None = None, codec: ScriptedVectorCodec | None = None) -> None:
        self.engine = engine or ScriptedVectorEngine()
        self.codec = codec or ScriptedVectorCodec()
        self.answers: dict[int, Embeddings | RerankScores | MlxkError] = {}
        self.crash: BaseException | None = None
        self._made: dict[int, dict[int, Vector]] = {}
        self._replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.loop = VectorLoop(self.engine, self.codec, self._replies.put, time.monotonic)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def submit(self, request_id: int, *inputs: str, dimensions: int | None = None) -> None:
        self.loop.submit(request_id, EmbeddingRequest(inputs, dimensions=dimensions))

    def rerank(self, request_id: int, query: str, *documents: str) -> None:
        self.loop.submit(request_id, RerankRequest(query, documents))

    def answer(self, request_id: int) -> Embeddings | RerankScores | MlxkError:
        while request_id not in self.answers:
            self._take(self._replies.get(timeout=PATIENCE_SECONDS))
        return self.answers[request_id]

    def embeddings(self, request_id: int) -> Embeddings:
        found = self.answer(request_id)
        assert isinstance(found, Embeddings), found
        return found

    def begun(self) -> None:
        """Wait until one more pass has begun."""
        assert self.engine.begun.acquire(timeout=PATIENCE_SECONDS)

    def vitals(self) -> EngineVitals:
        heard: queue.SimpleQueue[EngineVitals] = queue.SimpleQueue()
        self.loop.ask_vitals(heard.put)
        return heard.get(timeout=PATIENCE_SECONDS)

    def drained(self) -> bool:
        self.loop.drain()
        self._thread.join(PATIENCE_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.loop.run()
        except BaseException as fault:  # noqa: BLE001 - looked at by the test
            self.crash = fault

    def _take(self, reply: Reply) -> None:
        if isinstance(reply, VectorsMade):
            size = len(reply.data) // len(reply.at)
            for row, at in enumerate(reply.at):
                vector = Vector(reply.data[row * size : (row + 1) * size])
                self._made.setdefault(reply.request_id, {})[at] = vector
            return
        assert isinstance(reply, RequestEvents), reply
        for request_id, event in reply.events:
            assert request_id not in self.answers
            assert isinstance(event, VectorsDone | RerankScores | MlxkError), event
            if isinstance(event, VectorsDone):
                made = sorted(self._made.pop(request_id).items())
                assert [at for at, _ in made] == list(range(len(made)))
                self.answers[request_id] = Embeddings(tuple(each for _, each in made), event.prompt_tokens)
            else:
                self.answers[request_id] = event
