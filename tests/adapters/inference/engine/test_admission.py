"""Rows against the memory that a model was given, on real MLX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx
import pytest
from mlx_lm.models.cache import make_prompt_cache

from adapters.inference.engine.pace import Bounds, Pace
from adapters.inference.engine.seats import row_bytes
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import InsufficientMemory, InvalidRequest
from domain.inference import FinishReason, Urgency
from domain.serving.kv_room import KvRoom
from ports.text_engine import RowStep
from tests.support.engine_kit import Network, hot, row, run, tokens

MakeEngine = Callable[..., MlxTextEngine]


@pytest.fixture
def make_room(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> MakeEngine:
    """An engine whose caches may hold so many rows of so many tokens."""

    def make(rows: int, length: int, **settings: Any) -> MlxTextEngine:
        network: Network = settings.pop("network")
        caches = make_prompt_cache(network.inner)
        mx.eval(network.inner(mx.zeros((1, 8), mx.int32), cache=caches))
        each = row_bytes(caches)
        monkeypatch.setattr(MlxTextEngine, "_room", lambda _engine, _found: KvRoom(rows * each.of(length), each))
        return make_engine(**settings)

    return make


def test_what_caches_hold_is_measured_to_the_byte(llama: Any) -> None:
    caches = make_prompt_cache(llama)
    mx.eval(llama(mx.zeros((1, 300), mx.int32), cache=caches))
    assert row_bytes(caches).of(300) == sum(cache.nbytes for cache in caches)


def test_a_row_that_can_never_fit_is_refused_with_the_largest_that_can(make_room: MakeEngine, network: Network) -> None:
    engine = make_room(1, 512, network=network)
    with pytest.raises(InvalidRequest, match=r"prompt 100 \+ max_tokens 600 need more memory") as refusal:
        engine.admit(row(1, [65] * 100, 600))
    largest = refusal.value.detail["largest_max_tokens"]
    assert largest == 412
    assert engine.active_rows == 0
    engine.admit(row(2, [65] * 100, 412))


def test_a_prompt_that_can_never_fit_is_refused_by_its_own_length(make_room: MakeEngine, network: Network) -> None:
    engine = make_room(1, 512, network=network)
    with pytest.raises(InvalidRequest, match="a prompt of 600 tokens needs more memory") as refusal:
        engine.admit(row(1, [65] * 600, 10))
    assert refusal.value.detail == {"largest_prompt": 511}


def test_rows_wait_until_there_is_room_and_lose_nothing(
    make_engine: MakeEngine, make_room: MakeEngine, network: Network
) -> None:
    rows = [row(at, [65 + at] * 40, 30, sampling=hot(at)) for at in range(5)]
    wanted = {each.row_id: tokens(run(make_engine(), each)[each.row_id]) for each in rows}
    engine = make_room(2, 256, network=network)
    at_once = 0
    said: dict[int, list[int]] = {each.row_id: [] for each in rows}
    for each in rows:
        engine.admit(each)
    while engine.active_rows:
        steps = engine.step()
        at_once = max(at_once, len({step.row_id for step in steps}))
        for step in steps:
            said[step.row_id] += tokens([step])
    assert said == wanted
    assert at_once == 2


def test_a_prompt_half_read_does_not_hold_up_the_more_urgent_one_for_ever(
    make_room: MakeEngine, network: Network
) -> None:
    engine = make_room(1, 768, network=network, pace=Pace(chunk_tokens=64))
    engine.admit(row(1, [65] * 700, 5))
    engine.step()
    engine.admit(row(2, [66] * 700, 5, urgency=Urgency(priority=9)))
    ended = [step.row_id for step in _all_steps(engine) if step.finish is not None]
    assert ended == [1, 2]


def test_growth_past_the_window_sends_the_newest_back_and_it_goes_on_as_if_nothing_had_been(
    make_engine: MakeEngine, make_room: MakeEngine, network: Network
) -> None:
    rows = [row(at, [65 + at] * 200, 1500, sampling=hot(at), window=50) for at in range(2)]
    wanted = {each.row_id: tokens(run(make_engine(), each)[each.row_id]) for each in rows}
    engine = make_room(1, 2048, network=network)
    for each in rows:
        engine.admit(each)
    network.shapes.clear()
    said: dict[int, list[int]] = {0: [], 1: []}
    beside = 0
    for steps in _steps_of(engine):
        ids = {step.row_id for step in steps}
        beside += len(ids) == 2
        for step in steps:
            said[step.row_id] += tokens([step])
    assert said == wanted
    assert beside >= 50
    read_again = [length for _, length in network.shapes if length > 1]
    assert read_again == [200, 250], "both at once, then the second again with what it had said"


def test_an_answer_that_outgrows_all_memory_says_so(make_room: MakeEngine, network: Network) -> None:
    engine = make_room(1, 512, network=network)
    steps = list(_all_steps_after(engine, row(1, [65] * 100, 900, window=50)))
    assert isinstance(steps[-1].error, InsufficientMemory)
    assert "no memory for more" in steps[-1].error.message
    assert len(tokens(steps)) == 512 - 100
    assert [step.finish for step in run(engine, row(2, max_tokens=3))[2]][-1] is FinishReason.LENGTH


def test_a_row_alone_keeps_no_more_than_its_window_from_the_next(make_room: MakeEngine, network: Network) -> None:
    engine = make_room(1, 2048, network=network)
    engine.admit(row(1, [65] * 100, 1500, window=100))
    engine.step()
    engine.admit(row(2, [66] * 100, 5))
    ended = [step.row_id for step in _all_steps(engine) if step.finish is not None]
    assert ended == [2, 1]


def test_counting_stop_tokens_at_the_limit_costs_nobody_a_seat(make_engine: MakeEngine, network: Network) -> None:
    stop = tokens(run(make_engine(), row(1, max_tokens=6))[1])[5]
    engine = make_engine(stop_tokens=frozenset({stop}))
    engine.admit(row(1, max_tokens=6, count_stops=True))
    engine.step()
    engine.admit(row(2, max_tokens=30, ignore_stops=True))
    network.shapes.clear()
    ended = {step.row_id: step.finish for step in _all_steps(engine) if step.finish or step.error}
    assert ended == {1: FinishReason.STOP, 2: FinishReason.LENGTH}
    assert sum(length > 1 for _, length in network.shapes) == 1, "the neighbour was read once"


def test_an_older_answer_takes_the_seat_of_a_newer_prompt_that_is_being_read(
    make_room: MakeEngine, network: Network
) -> None:
    engine = make_room(1, 1536, network=network, pace=Pace(step_seconds=0.0, chunk_tokens=32))
    engine.admit(row(1, [65] * 50, 400, window=10))
    engine.step()
    engine.admit(row(2, [66] * 1000, 20, window=20))
    steps = _all_steps(engine)
    assert [step.row_id for step in steps if step.finish is not None] == [1, 2]
    assert not [step for step in steps if step.error]


def test_a_row_that_was_sent_back_and_can_never_go_on_says_so(make_room: MakeEngine, network: Network) -> None:
    engine = make_room(1, 2048, network=network)
    engine.admit(row(2, [65] * 700, 4000, window=1024))
    said = 0
    while said < 900:
        said += len(tokens(engine.step()))
    engine.admit(row(1, [66] * 50, 200, urgency=Urgency(priority=1)))
    ended = {step.row_id: step.finish or step.error for step in _all_steps(engine) if step.finish or step.error}
    assert ended[1] is FinishReason.LENGTH
    assert isinstance(ended[2], InsufficientMemory)


def test_a_limit_counts_weights_and_work(make_engine: MakeEngine, llama: Any) -> None:
    held = mx.get_active_memory()
    generous = make_engine(bounds=Bounds(memory_bytes=held + 2**30))
    generous.admit(row(1, [65] * 100, 600))
    tight = make_engine(bounds=Bounds(memory_bytes=held))
    with pytest.raises(InvalidRequest, match="needs more memory"):
        tight.admit(row(1, [65] * 100, 600))


def _steps_of(engine: MlxTextEngine) -> list[list[RowStep]]:
    found = []
    while engine.active_rows:
        found.append(list(engine.step()))
    return found


def _all_steps(engine: MlxTextEngine) -> list[RowStep]:
    return [step for steps in _steps_of(engine) for step in steps]


def _all_steps_after(engine: MlxTextEngine, asked: Any) -> list[RowStep]:
    engine.admit(asked)
    return _all_steps(engine)
