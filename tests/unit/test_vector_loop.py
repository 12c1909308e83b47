"""The loop of a worker that makes vectors: shared passes, fairness, faults, cancelling, draining."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from application.inference.vector_slices import SLICE_TEXTS, Asked, Slices
from domain.errors import (
    ContextLengthExceeded,
    GenerationFailed,
    MlxkError,
    ServerShutdown,
    UnsupportedParameter,
)
from domain.inference.embedding import EmbeddingRequest, Embeddings, RerankScores
from tests.support.eventually import eventually
from tests.support.fakes.vector_runtime import POISON, ScriptedVectorEngine, vector_of
from tests.support.running_vectors import RunningVectors


@pytest.fixture
def running() -> Iterator[RunningVectors]:
    made = RunningVectors()
    yield made
    made.engine.gate.set()
    assert made.drained()


def held(running: RunningVectors) -> None:
    """One request's pass is in work, and waits for the gate."""
    running.engine.gate.clear()
    running.submit(100, "9")
    running.begun()


def settled(running: RunningVectors, commands: int) -> None:
    """So many slices of requests wait behind the pass that is in work."""
    eventually(lambda: running.loop._inbox.qsize() == commands, "all slices are handed on")


def test_vectors_come_in_the_order_of_their_inputs_whatever_their_lengths(running: RunningVectors) -> None:
    inputs = ["1 1 1", "2", "3 3 3 3 3", "4 4", "5", "6 6 6"]
    running.submit(1, *inputs)
    expected = tuple(vector_of([int(word) for word in text.split()]) for text in inputs)
    assert running.embeddings(1) == Embeddings(expected, 15)


def test_many_more_inputs_than_a_pass_or_a_slice_holds_all_come(running: RunningVectors) -> None:
    inputs = [str(number % 500) for number in range(1000)]
    running.submit(1, *inputs)
    assert running.embeddings(1).vectors == tuple(vector_of([int(each)]) for each in inputs)
    assert max(map(len, running.engine.passes)) == 4
    assert max(running.codec.slices) < 1000


def test_requests_of_several_clients_share_a_pass(running: RunningVectors) -> None:
    held(running)
    running.submit(1, "1")
    running.submit(2, "2", dimensions=1)
    running.submit(3, "3")
    settled(running, commands=3)
    running.engine.gate.set()
    assert [running.embeddings(each).vectors for each in (1, 2, 3)] == [
        (vector_of([1]),), (vector_of([2], 1),), (vector_of([3]),)
    ]  # fmt: skip
    assert sorted(row.tokens for row in running.engine.passes[1]) == [(1,), (2,), (3,)]


def test_a_single_text_waits_for_two_passes_at_most_behind_thousands(running: RunningVectors) -> None:
    held(running)
    running.submit(1, *["1 1 1 1"] * 2000)
    running.submit(2, "2 " * 40)
    settled(running, commands=17)
    before = len(running.engine.passes)
    running.engine.gate.set()
    running.answer(2)
    first = next(at for at, rows in enumerate(running.engine.passes) if any(row.tokens[0] == 2 for row in rows))
    assert first - before <= 2
    assert running.embeddings(1).vectors == (vector_of([1] * 4),) * 2000


def test_the_oldest_request_goes_on_however_many_come_after_it() -> None:
    running = RunningVectors(ScriptedVectorEngine(rows_at_once=1))
    held(running)
    running.submit(1, *["1"] * 20)
    for request_id in range(2, 40):
        running.submit(request_id, str(request_id))
    settled(running, commands=39)
    running.engine.gate.set()
    for request_id in range(1, 40):
        running.answer(request_id)
    order = [rows[0].tokens[0] for rows in running.engine.passes[1:]]
    assert order[:20].count(1) >= 10
    assert running.drained()


def test_rows_of_very_different_lengths_are_not_read_together(running: RunningVectors) -> None:
    held(running)
    running.submit(1, "1 " * 40, "2", "3 " * 38)
    settled(running, commands=1)
    running.engine.gate.set()
    running.answer(1)
    assert sorted(sorted(len(row) for row in rows) for rows in running.engine.passes[1:]) == [[1], [38, 40]]


def test_scores_come_in_the_order_of_the_documents(running: RunningVectors) -> None:
    running.rerank(1, "7", "100", "5 5 5", "300 20")
    assert running.answer(1) == RerankScores((0.1, 0.005, 0.02), 9)


def test_a_row_that_breaks_its_pass_fails_its_own_request_only(running: RunningVectors) -> None:
    held(running)
    running.submit(1, "1")
    running.submit(2, str(POISON))
    running.submit(3, "3")
    settled(running, commands=3)
    running.engine.gate.set()
    assert isinstance(running.answer(2), GenerationFailed)
    assert running.embeddings(1).vectors == (vector_of([1]),)
    assert running.embeddings(3).vectors == (vector_of([3]),)


def test_an_input_that_is_too_long_is_named_wherever_it_stands(running: RunningVectors) -> None:
    running.submit(1, *["1"] * 300, "2 " * 51)
    error = running.answer(1)
    assert isinstance(error, ContextLengthExceeded)
    assert error.message.startswith("input.300 ")
    running.submit(2, "1")
    assert isinstance(running.answer(2), Embeddings)


def test_what_the_model_cannot_honour_is_refused_before_anything_is_read(running: RunningVectors) -> None:
    running.submit(1, "1", dimensions=5)
    assert isinstance(running.answer(1), UnsupportedParameter)
    assert running.codec.slices == []


def test_a_tokenizer_that_breaks_fails_one_request(running: RunningVectors) -> None:
    running.codec.broken = True
    running.submit(1, "1")
    error = running.answer(1)
    running.codec.broken = False
    running.submit(2, "2")
    assert isinstance(error, GenerationFailed) and "a tokenizer broke" in error.message
    assert isinstance(running.answer(2), Embeddings)


def test_a_cancelled_request_takes_no_part_in_the_next_pass(running: RunningVectors) -> None:
    running.engine.gate.clear()
    running.submit(1, *["1"] * 50)
    running.begun()
    running.submit(3, *["3"] * 50)
    running.submit(2, "2")
    settled(running, commands=2)
    running.loop.cancel(1)
    running.loop.cancel(3)
    running.engine.gate.set()
    running.answer(2)
    assert running.drained()
    assert set(running.answers) == {2}
    assert [sorted(row.tokens[0] for row in rows) for rows in running.engine.passes] == [[1, 1, 1, 1], [2]]
    running.loop.cancel(1)
    running.loop.cancel(77)


def test_texts_are_tokenised_by_turns(running: RunningVectors) -> None:
    slices = Slices(running.codec, {1, 2}, clock=lambda: 0.0)
    slices.put(Asked(1, EmbeddingRequest(("1",) * (2 * SLICE_TEXTS + 1))))
    slices.put(Asked(2, EmbeddingRequest(("2",))))
    slices.put(None)
    order = [(asked.request_id, start) for asked, start, _ in slices]
    assert order == [(1, 0), (2, 0), (1, SLICE_TEXTS), (1, 2 * SLICE_TEXTS)]


def test_vitals_are_answered_between_two_passes_with_what_waits(running: RunningVectors) -> None:
    running.submit(1, "1 1", "2")
    running.answer(1)
    vitals = running.vitals()
    assert (vitals.totals.prompt_tokens, vitals.pulse.running, vitals.pulse.reading) == (3, 0, 0)
    assert vitals.totals.steps == len(running.engine.passes)
    assert running.loop.idle


def test_draining_answers_what_was_asked_and_refuses_what_comes_later(running: RunningVectors) -> None:
    held(running)
    running.submit(1, *["1"] * 10)
    running.loop.drain()
    running.submit(2, "2")
    running.engine.gate.set()
    assert isinstance(running.answer(2), ServerShutdown)
    assert len(running.embeddings(1).vectors) == 10
    assert running.drained()


def test_a_fault_that_is_no_error_of_ours_ends_the_loop() -> None:
    class Broken(ScriptedVectorEngine):
        def batch_rows(self, length: int) -> int:
            raise ZeroDivisionError

    running = RunningVectors(Broken())
    running.submit(1, "1")
    running._thread.join(20)
    assert isinstance(running.crash, ZeroDivisionError)
    assert not isinstance(running.crash, MlxkError)
