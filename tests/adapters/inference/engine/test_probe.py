"""Models that cannot share a batch, or not the reading of prompts, are found out and served all the same."""

from __future__ import annotations

from typing import Any

import pytest
from mlx_lm.models.cache import KVCache, make_prompt_cache

from tests.support.engine_kit import PROMPTS, Network, row, run, tokens


class Padded(Network):
    """A model that says something else in a batch, or breaks there."""

    fault: Exception | None = None
    longest: int = 1

    def __call__(self, inputs: Any, cache: Any) -> Any:
        logits = super().__call__(inputs, cache)
        if inputs.shape[0] > 1 and inputs.shape[1] <= self.longest:
            if self.fault is not None:
                raise self.fault
            return logits[..., ::-1]
        return logits


def check_served_alone(engine: Any, network: Network, wanted: list[list[int]]) -> str:
    for at, prompt in enumerate(PROMPTS):
        engine.admit(row(at, prompt))
    steps = []
    while engine.active_rows:
        steps += engine.step()
    assert [tokens(step for step in steps if step.row_id == at) for at in range(len(PROMPTS))] == wanted
    assert {rows for rows, _ in network.shapes} == {1}
    (reason,) = {step.stats.alone for step in steps if step.stats}
    return str(reason)


@pytest.fixture
def wanted(make_engine: Any) -> list[list[int]]:
    engine = make_engine()
    return [tokens(run(engine, row(1, prompt))[1]) for prompt in PROMPTS]


@pytest.mark.parametrize("fault", [None, ValueError("shapes")])
def test_a_model_that_fails_in_a_batch_is_served_row_by_row_and_says_why(
    make_engine: Any, llama: Any, wanted: list[list[int]], fault: Exception | None
) -> None:
    model = Padded(llama)
    model.fault = fault
    engine = make_engine(model=model)
    model.shapes.clear()
    assert "batch" in check_served_alone(engine, model, wanted)


def test_caches_without_a_batched_form_are_served_row_by_row(
    make_engine: Any, network: Network, llama: Any, wanted: list[list[int]]
) -> None:
    engine = make_engine(make_caches=lambda: [_Lonely() for _ in make_prompt_cache(llama)])
    network.shapes.clear()
    assert "_Lonely" in check_served_alone(engine, network, wanted)


class _Lonely:
    """A KVCache seen through a class that has nothing else."""

    def __init__(self) -> None:
        self._inner = KVCache()
        self.update_and_fetch = self._inner.update_and_fetch
        self.make_mask = self._inner.make_mask
        self.is_trimmable = self._inner.is_trimmable

    @property
    def offset(self) -> int:
        return int(self._inner.offset)

    @property
    def state(self) -> Any:
        return self._inner.state


def test_prompts_are_read_one_by_one_where_reading_together_gives_other_numbers(
    make_engine: Any, llama: Any, wanted: list[list[int]]
) -> None:
    class ReadsBadly(Padded):
        def __call__(self, inputs: Any, cache: Any) -> Any:
            self.longest = 10**6 if inputs.shape[1] > 1 else 0
            return super().__call__(inputs, cache)

    model = ReadsBadly(llama)
    engine = make_engine(model=model)
    model.shapes.clear()
    for at in range(3):
        engine.admit(row(at))
    steps = []
    while engine.active_rows:
        steps += engine.step()
    assert [tokens(step for step in steps if step.row_id == at) for at in range(3)] == [wanted[0]] * 3
    assert {rows for rows, length in model.shapes if length > 1} == {1}
    assert {rows for rows, length in model.shapes if length == 1} == {3}
