"""Texts on their way to a model and back: the next batch is computed while the last one is written."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol

from domain.errors import InvalidRequest, MlxkError
from entrypoints.cli.text_records import TextRecord

if TYPE_CHECKING:
    from application.inference.embed import EmbeddingAnswer

Batch = list[TextRecord]
Done = tuple[Batch, "EmbeddingAnswer"]
# The second argument is asked now and then, and true when nobody waits any more.
Embedding = Callable[[Batch, Callable[[], bool]], "EmbeddingAnswer"]


class Batches(Protocol):
    """entrypoints.cli.text_records.RecordBatches."""

    @property
    def at_hand(self) -> bool: ...

    def __iter__(self) -> Iterator[Batch]: ...


class GivenTexts:
    """Batches of what the command line says itself: one."""

    at_hand = True

    def __init__(self, records: Batch) -> None:
        self._records = records

    def __iter__(self) -> Iterator[Batch]:
        return iter([self._records])


def embedded(batches: Batches, embed: Embedding) -> Generator[Done]:
    """In order. The first batch, for which the model is loaded, is asked for on this thread, which Ctrl-C reaches; the
    others beside it, one ahead of what is written, and none ahead of a source that has to be waited for.

    Raises what reading and embedding raise, once all before it has been handed out; the error names the text.
    """
    gone = threading.Event()
    ahead: deque[tuple[Batch, Callable[[], EmbeddingAnswer]]] = deque()
    source, wrong, loaded = iter(batches), None, False
    with ThreadPoolExecutor(1, "embed") as beside:
        try:
            while True:
                try:
                    batch = next(source, None)
                except MlxkError as fault:
                    wrong, batch = fault, None
                if batch is None:
                    break
                ask = partial(embed, batch, gone.is_set)
                ahead.append((batch, beside.submit(ask).result if loaded else ask))
                while len(ahead) > 1 or (ahead and not (loaded and batches.at_hand)):
                    yield from _answered(*ahead.popleft(), embed)
                    loaded = True
            while ahead:
                yield from _answered(*ahead.popleft(), embed)
            if wrong is not None:
                raise wrong
        finally:
            gone.set()


def _answered(batch: Batch, answer: Callable[[], EmbeddingAnswer], embed: Embedding) -> Iterator[Done]:
    """Where one text of the batch cannot be read, those before it are handed out first."""
    try:
        found = answer()
    except InvalidRequest as fault:
        if fault.param not in (None, "input"):
            raise
        yield from _one_by_one(batch, embed)
        return
    yield batch, found


def _one_by_one(batch: Batch, embed: Embedding) -> Iterator[Done]:
    for record in batch:
        try:
            found = embed([record], lambda: False)
        except InvalidRequest as fault:
            raise type(fault)(
                f"{record.place}: {fault.message}", hint=fault.hint, param=fault.param, detail=fault.detail
            ) from fault
        yield [record], found
