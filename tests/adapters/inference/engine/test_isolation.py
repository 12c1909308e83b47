"""What breaks fails its own row; the others notice nothing."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import pytest

from domain.errors import GenerationFailed
from domain.inference import FinishReason
from ports.text_engine import EngineRow, RowStep
from tests.support.engine_kit import PROMPTS, Breaks, Follows, Network, hot, row, run, tokens

CURSED = 200  # a byte that this model never says


def company() -> list[EngineRow]:
    return [
        row(1, PROMPTS[0], 20),
        row(2, PROMPTS[1], 20, hot(1)),
        row(3, PROMPTS[3], 20, constraint=Follows([{48, 49}, {50, 51}, {52}])),
        row(4, PROMPTS[2], 20, hot(2, repetition_penalty=1.3), logprobs=1),
    ]


def expected(make_engine: Any) -> dict[int, list[int]]:
    engine = make_engine()
    return {each.row_id: tokens(run(engine, each)[each.row_id]) for each in company()}


def said(steps: dict[int, list[RowStep]]) -> dict[int, list[int]]:
    return {row_id: tokens(of_row) for row_id, of_row in steps.items()}


def test_a_prompt_that_breaks_the_model_fails_alone(make_engine: Any, network: Network) -> None:
    wanted = expected(make_engine)
    network.broken = lambda inputs: bool((inputs == CURSED).any())
    steps = run(make_engine(), *company(), row(9, (257, CURSED, 65)))
    (failure,) = steps.pop(9)
    assert isinstance(failure.error, GenerationFailed)
    assert "out of luck" in failure.error.message
    assert said(steps) == wanted


def test_one_of_several_prompts_read_together_breaks_and_fails_alone(make_engine: Any, network: Network) -> None:
    engine = make_engine()
    prompts = [(70, 71, 72), (70, CURSED, 72), (80, 81, 82)]
    wanted = [tokens(run(engine, row(1, prompt))[1]) for prompt in (prompts[0], prompts[2])]
    network.broken = lambda inputs: bool((inputs == CURSED).any())
    for at, prompt in enumerate(prompts):
        engine.admit(row(at, prompt))
    steps: list[RowStep] = []
    while engine.active_rows:
        steps += engine.step()
    assert (3, 3) in network.shapes
    assert [step.row_id for step in steps if step.error] == [1]
    assert [tokens(step for step in steps if step.row_id == at) for at in (0, 2)] == wanted


def test_a_row_whose_token_breaks_the_step_fails_and_the_others_go_on_as_if_nothing_were(
    make_engine: Any, network: Network
) -> None:
    wanted = expected(make_engine)
    network.broken = lambda inputs: bool((inputs == CURSED).any())
    guilty = row(9, PROMPTS[1], 30, constraint=Follows([{65}, {66}, {67}, {CURSED}]))
    steps = run(make_engine(), *company(), guilty)
    *before, last = steps.pop(9)
    assert tokens(before) == [65, 66, 67, CURSED]
    assert isinstance(last.error, GenerationFailed)
    assert said(steps) == wanted


def test_a_fault_that_is_nobodys_costs_nobody_a_token(make_engine: Any, network: Network) -> None:
    wanted = expected(make_engine)
    engine = make_engine()
    network.broken = lambda inputs: inputs.shape[0] == 4 and len(network.shapes) % 5 == 0
    steps = run(engine, *company())
    assert said(steps) == wanted
    assert all(step.error is None for of_row in steps.values() for step in of_row)


def test_a_fault_that_shows_only_when_the_tokens_are_looked_at_costs_nobody_a_token(
    make_engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = expected(make_engine)
    engine = make_engine()
    real: Any = mx.async_eval
    calls = 0

    def once(*arrays: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 12:
            raise RuntimeError("the device is gone")
        real(*arrays)

    monkeypatch.setattr(mx, "async_eval", once)
    assert said(run(engine, *company())) == wanted


def test_a_model_that_never_decodes_fails_every_row_and_leaves_the_engine_usable(
    make_engine: Any, network: Network
) -> None:
    wanted = expected(make_engine)
    engine = make_engine()
    network.broken = lambda inputs: inputs.shape[1] == 1
    steps = run(engine, *(each for each in company() if each.row_id != 4))
    assert all(isinstance(of_row[-1].error, GenerationFailed) for of_row in steps.values())
    assert engine.active_rows == 0
    network.broken = lambda _inputs: False
    assert said(run(engine, *company())) == wanted


@pytest.mark.parametrize(("hook", "after"), [("allowed", 0), ("allowed", 2), ("accept", 0), ("accept", 2)])
def test_grammars_that_break_fail_their_rows_in_whatever_company(
    make_engine: Any, network: Network, hook: str, after: int
) -> None:
    wanted = expected(make_engine)
    engine = make_engine()
    steps = run(engine, *company(), row(9, constraint=Breaks(hook, after)), row(8, constraint=Breaks(hook, after)))
    for row_id in (8, 9):
        assert isinstance(steps.pop(row_id)[-1].error, GenerationFailed)
    assert said(steps) == wanted
    assert sum(length > 1 for _, length in network.shapes) == 5, "nobody had to be read in again"


def test_a_grammar_that_allows_nothing_the_model_has_fails_its_row(make_engine: Any) -> None:
    wanted = expected(make_engine)
    steps = run(make_engine(), *company(), row(9, constraint=Follows([{65}, ()])))
    assert [step.error is None for step in steps.pop(9)] == [True, False]
    assert said(steps) == wanted


def test_a_pass_that_breaks_behind_a_rows_last_token_does_not_lose_that_row(make_engine: Any, network: Network) -> None:
    """At every moment: the row whose last token is drawn and not told yet is part of no pass any more."""
    rows = [row(1, PROMPTS[0], 4), row(2, PROMPTS[1], 12, hot(1))]
    wanted = {each.row_id: tokens(run(make_engine(), each)[each.row_id]) for each in rows}
    for at in range(14):
        engine = make_engine()
        passes = 0

        def breaks(inputs: Any, at: int = at) -> bool:
            nonlocal passes
            passes += inputs.shape[1] == 1
            return bool(inputs.shape[1] == 1 and passes == at + 1)

        network.broken = breaks
        for each in rows:
            engine.admit(each)
        steps: dict[int, list[RowStep]] = {1: [], 2: []}
        for _ in range(60):
            for step in engine.step():
                steps[step.row_id].append(step)
        network.broken = lambda _inputs: False
        assert engine.active_rows == 0
        assert said(steps) == wanted


def test_caches_that_cannot_be_kept_cost_nobody_an_answer(make_engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = tokens(run(make_engine(), row(1, max_tokens=6))[1])[5]
    engine = make_engine(stop_tokens=frozenset({stop}), prefixes=Keeping())
    monkeypatch.setattr("adapters.inference.engine.batch.extracted", _no_memory)
    monkeypatch.setattr("adapters.inference.engine.batch.evaluate", _no_memory)
    steps = run(engine, row(1, max_tokens=50), row(2, tuple(range(60, 100)) * 20, 12, ignore_stops=True))
    assert [steps[at][-1].finish for at in (1, 2)] == [FinishReason.STOP, FinishReason.LENGTH]


class Keeping:
    """Prefixes that ask for every row's caches and forget them."""

    def longest(self, tokens: Any) -> None:
        return None

    def keep(self, tokens: Any, caches: Any, *, boundary: bool) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def _no_memory(*_: Any) -> Any:
    raise RuntimeError("no memory")
