"""Faults on top of faults: every row is answered, and the engine never raises."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from domain.errors import GenerationFailed, InsufficientMemory
from domain.inference import FinishReason, Urgency
from domain.serving.kv_room import KvRoom
from ports.text_engine import RowStep
from tests.support.engine_kit import PROMPTS, Breaks, Network, hot, row, run, tokens


def all_steps(engine: Any, most: int = 400) -> list[RowStep]:
    steps: list[RowStep] = []
    for _ in range(most):
        steps += engine.step()
        if not engine.active_rows:
            return steps
    raise AssertionError(f"{engine.active_rows} rows are never answered")


@pytest.mark.parametrize("at", range(1, 12))
def test_a_grammar_that_breaks_in_a_pass_that_breaks_too_is_told(
    make_engine: Any, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Whichever hand-off to the device breaks."""
    engine = make_engine()
    calls = 0

    def breaks(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise RuntimeError("out of luck")

    monkeypatch.setattr("adapters.inference.engine.batch.dispatch", breaks)
    engine.admit(row(1, PROMPTS[0], 8, constraint=Breaks("allowed", after=3)))
    engine.admit(row(2, PROMPTS[1], 8, hot(1)))
    ended = {step.row_id: step for step in all_steps(engine) if step.error or step.finish}
    assert isinstance(ended[1].error, GenerationFailed)
    assert ended[2].finish is FinishReason.LENGTH


def test_a_model_that_cannot_be_timed_or_tried_still_answers(make_engine: Any, network: Network) -> None:
    engine = make_engine(learned=False)
    network.broken = lambda inputs: inputs.shape[1] == 64
    engine.learn()
    engine.admit(row(1, [65] * 40, 3))
    engine.admit(row(2, [66] * 40, 3))
    assert [step.finish for step in all_steps(engine) if step.finish] == [FinishReason.LENGTH] * 2


def test_a_blocked_row_that_becomes_hopeless_is_told(
    make_engine: Any, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine()
    each = engine._probe.row
    room = KvRoom(each.of(1024), each)
    monkeypatch.setattr(engine, "_room", lambda: room)
    engine._seats._room = lambda: room
    engine.admit(row(1, [65] * 300, 400))
    engine.step()
    engine.admit(row(2, [66] * 500, 400))
    for _ in range(9):
        engine.step()
    assert engine._reading.blocked
    room = KvRoom(each.of(256), each)
    ended = {step.row_id: step for step in all_steps(engine, 1000) if step.error or step.finish}
    assert isinstance(ended[2].error, InsufficientMemory)
    assert "a prompt of 500 tokens" in ended[2].error.message


def test_nobody_passes_by_an_urgent_row_that_waits_for_a_seat(make_engine: Any) -> None:
    engine = make_engine()
    each = engine._probe.row
    engine._seats._room = lambda: KvRoom(2 * each.of(256), each)
    engine.admit(row(1, PROMPTS[1], 60))
    engine.admit(row(2, PROMPTS[1], 60))
    engine.step()
    engine.admit(row(3, PROMPTS[1], 5))
    engine.admit(row(4, [65] * 300, 100, urgency=Urgency(priority=5)))
    first: dict[int, int] = {}
    for step in all_steps(engine):
        first.setdefault(step.row_id, len(first))
    assert first[4] < first[3]


def test_stop_tokens_are_counted_once_although_the_row_was_read_again(
    make_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = run(make_engine(stop_tokens=frozenset(range(260))), row(1, count_stops=True))[1][-1]
    assert wanted.stats is not None
    for at in range(2, 7):
        engine = make_engine(stop_tokens=frozenset(range(260)))
        engine.admit(row(1, count_stops=True))
        steps: list[RowStep] = []
        for number in range(40):
            if number == at and engine.active_rows:
                (only,) = engine._rows.values()
                if engine._decoding.take_out(only):
                    engine._reading.add(only, by_itself=True)
            steps += engine.step()
        assert steps[-1].stats is not None
        assert steps[-1].stats.stop_tokens == wanted.stats.stop_tokens
        assert tokens(steps) == [wanted.token]
    assert mx.get_active_memory() > 0
