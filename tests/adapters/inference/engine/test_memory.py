"""What rows hold while they run, and that they give it back."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import mlx_lm
import pytest

from adapters.inference.engine.pace import Pace
from ports.text_engine import RowStep
from tests.support.engine_kit import PROMPTS, Network, hot, row, run, tokens
from tests.support.tiny_llama import TinyLlama

LONG, SHORT = 3000, 40
TOKEN_BYTES = 2 * 2 * 32 * 4  # two layers, keys and values of 32 numbers of 4 bytes
STEP = 256  # caches grow by so many tokens


def own_need(length: int) -> int:
    return -(-length // STEP) * STEP * TOKEN_BYTES


def test_one_long_row_does_not_pad_fifteen_short_ones(make_engine: Any) -> None:
    engine = make_engine()
    run(engine, row(99, max_tokens=2))
    before = mx.get_active_memory()
    engine.admit(row(0, [65 + at % 50 for at in range(LONG)], 100))
    for at in range(1, 16):
        engine.admit(row(at, PROMPTS[1], 100))
    while len(engine.step()) < 16:
        pass
    for _ in range(5):
        engine.step()
    mx.synchronize()
    held = mx.get_active_memory() - before
    needs = own_need(LONG) + 15 * own_need(SHORT)
    assert needs / 2 < held < 1.5 * needs
    mx.reset_peak_memory()
    engine.step()
    mx.synchronize()
    assert mx.get_peak_memory() - before < 2.5 * needs, "nor while a step runs"


def test_rows_of_similar_lengths_are_one_batch(make_engine: Any, network: Network) -> None:
    engine = make_engine()
    for at in range(6):
        engine.admit(row(at, [65] * (20 + 30 * at), 30))
    while len(engine.step()) < 6:
        pass
    network.shapes.clear()
    engine.step()
    assert network.shapes == [(6, 1)]


def test_rows_that_a_long_one_kept_apart_from_share_a_batch_with_the_next(make_engine: Any, network: Network) -> None:
    engine = make_engine(pace=Pace(step_seconds=1e9))
    prompts = {1: [66] * 1000, 2: [67] * 150, 3: [68] * 990}
    wanted = {at: tokens(run(engine, row(at, prompt, 30))[at]) for at, prompt in prompts.items()}
    for at in (1, 2):
        engine.admit(row(at, prompts[at], 30))
    steps: list[RowStep] = []
    while len(steps) < 6:
        steps += engine.step()
    assert network.shapes[-2:] == [(1, 1), (1, 1)]
    engine.admit(row(3, prompts[3], 30))
    while engine.active_rows:
        steps += engine.step()
    assert (3, 1) in network.shapes, "three times the longest is no longer half as much again as what they need"
    assert {at: tokens(step for step in steps if step.row_id == at) for at in prompts} == wanted


def test_a_finished_row_gives_back_its_part_while_the_others_go_on(make_engine: Any) -> None:
    engine = make_engine()
    run(engine, row(99, max_tokens=2))
    before = mx.get_active_memory()
    for at in range(8):
        engine.admit(row(at, PROMPTS[1], 200 if at == 0 else 20))
    while engine.active_rows > 1:
        engine.step()
    for _ in range(3):
        engine.step()
    mx.synchronize()
    assert mx.get_active_memory() - before < 2 * own_need(SHORT)


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_many_short_requests_leave_nothing_behind(make_engine: Any, count: int) -> None:
    engine = make_engine()

    def serve(first: int, last: int) -> int:
        """Eight at a time; what is left afterwards."""
        at = first
        while at < last or engine.active_rows:
            while at < last and engine.active_rows < 8:
                sampling = hot(at) if at % 2 else hot(at, presence_penalty=0.5)
                engine.admit(row(at, PROMPTS[at % 4], 2 + at % 5, sampling, logprobs=at % 3 or None))
                at += 1
            engine.step()
        mx.synchronize()
        return int(mx.get_active_memory() + mx.get_cache_memory())

    settled = serve(0, 40)
    assert serve(40, 40 + count) <= settled + TOKEN_BYTES


def test_a_closed_engine_gives_back_all_but_the_model(tmp_path: Any, make_engine: Any) -> None:
    model, *_ = mlx_lm.load(str(TinyLlama().build(tmp_path / "tiny")))
    before = mx.get_active_memory()
    engine = make_engine(model=Network(model))
    for at in range(4):
        engine.admit(row(at, [65] * 500, 50))
    for _ in range(8):
        engine.step()
    engine.close()
    mx.synchronize()
    assert mx.get_active_memory() <= before + TOKEN_BYTES
