"""Tokenising requests some texts at a time, so that a large one does not hold up a small one."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from domain.errors import GenerationFailed, MlxkError
from domain.inference.embedding import EmbeddingRequest, RerankRequest
from ports.vector_engine import TokenRow, VectorCodec

SLICE_TEXTS = 128


@dataclass(frozen=True, slots=True)
class Asked:
    request_id: int
    request: EmbeddingRequest | RerankRequest

    @property
    def pairs(self) -> bool:
        return isinstance(self.request, RerankRequest)

    @property
    def count(self) -> int:
        """Of rows."""
        return len(self.request.documents if isinstance(self.request, RerankRequest) else self.request.inputs)

    @property
    def dimensions(self) -> int | None:
        return None if isinstance(self.request, RerankRequest) else self.request.dimensions


Made = tuple[Asked, int, tuple[TokenRow, ...] | MlxkError]


class Slices:
    """Iterated by one thread; `put` and `state` from any. live: ids of the requests that are wanted. clock: monotonic
    seconds.
    """

    def __init__(self, codec: VectorCodec, live: Set[int], clock: Callable[[], float]) -> None:
        self._codec = codec
        self._live = live
        self._clock = clock
        self._asked: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._open: deque[tuple[Asked, int]] = deque()
        self._over = False
        self._since: float | None = None

    def put(self, asked: Asked | None) -> None:
        """None: nothing comes after this."""
        self._asked.put(asked)

    def state(self) -> tuple[int, float]:
        """Requests that are not all tokenised, and how long the slice in work has been there."""
        since = self._since
        waiting = self._asked.qsize() + len(self._open) + (since is not None)
        return waiting, 0.0 if since is None else max(0.0, self._clock() - since)

    def __iter__(self) -> Iterator[Made]:
        """Rows with the place of the first, or what is wrong with a request. Ends once None was put and all is done."""
        while self._take():
            asked, start = self._open.popleft()
            if asked.request_id not in self._live:
                continue
            self._since = self._clock()
            stop = min(start + SLICE_TEXTS, asked.count)
            made = self._made(asked, start, stop)
            self._since = None
            if stop < asked.count and not isinstance(made, MlxkError):
                self._open.append((asked, stop))
            yield asked, start, made

    def _take(self) -> bool:
        """Let in who has come; wait only while there is nothing to do. False at the end."""
        while True:
            try:
                asked = self._asked.get(block=not self._open and not self._over)
            except queue.Empty:
                return bool(self._open)
            if asked is None:
                self._over = True
            else:
                self._open.append((asked, 0))

    def _made(self, asked: Asked, start: int, stop: int) -> tuple[TokenRow, ...] | MlxkError:
        try:
            if isinstance(asked.request, RerankRequest):
                if not start:
                    self._codec.check_pairs(asked.request)
                return self._codec.pairs(asked.request, start, stop)
            if not start:
                self._codec.check(asked.request)
            return self._codec.rows(asked.request, start, stop)
        except MlxkError as error:
            return error
        except Exception as fault:  # noqa: BLE001 - translated: it becomes this request's error
            failure = GenerationFailed(f"the model's tokenizer failed: {type(fault).__name__}: {fault}")
            failure.__cause__ = fault
            return failure
