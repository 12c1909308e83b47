"""Any order of calls on a TextEngine, beside a model of what its port promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from domain.errors import GenerationFailed
from domain.inference import FinishReason, Sampling
from ports.text_engine import EngineRow, RowStep, TextEngine
from tests.support.fakes.engine import ScriptedEngine
from tests.support.miniatures import MINIATURES
from tests.support.solo_oracle import GREEDY, SoloOracle

PROMPTS = ((72, 105), tuple(range(65, 105)), (70,), tuple(33 + at * 53 % 91 for at in range(600)))
HOT = Sampling(1.0, 0.95, seed=5)
PATIENCE = 400  # steps in which a row that is never called off must have said a token more

EngineSource = Callable[[], TextEngine]


class EngineMachine(RuleBasedStateMachine):
    """The model: the rows admitted and not over, with the number of tokens each has said."""

    def __init__(self, source: EngineSource) -> None:
        super().__init__()
        self._engine = source()
        self._next_id = 0
        self._rows: dict[int, EngineRow] = {}
        self._said: dict[int, int] = {}
        self._over: set[int] = set()
        self._since: dict[int, int] = {}

    @rule(prompt=st.sampled_from(PROMPTS), max_tokens=st.integers(1, 12), sampling=st.sampled_from([GREEDY, HOT]))
    def admit(self, prompt: tuple[int, ...], max_tokens: int, sampling: Sampling) -> None:
        self._next_id += 1
        row = EngineRow(self._next_id, prompt, max_tokens, sampling)
        self._engine.admit(row)
        self._rows[row.row_id], self._said[row.row_id], self._since[row.row_id] = row, 0, 0

    @rule()
    def admit_nothing(self) -> None:
        with pytest.raises(GenerationFailed):
            self._engine.admit(EngineRow(self._next_id + 1, (), 4, GREEDY))

    @precondition(lambda self: self._rows)
    @rule(data=st.data())
    def cancel_a_running_row(self, data: st.DataObject) -> None:
        row_id = data.draw(st.sampled_from(sorted(self._rows)))
        self._engine.cancel(row_id)
        self._end(row_id)

    @rule(row_id=st.integers(0, 50))
    def cancel_any_number(self, row_id: int) -> None:
        self._engine.cancel(row_id)
        if row_id in self._rows:
            self._end(row_id)

    @rule(count=st.integers(1, 6))
    def step(self, count: int) -> None:
        for _ in range(count):
            self._take(self._engine.step())

    @invariant()
    def active_rows_are_those_that_came_and_have_not_ended(self) -> None:
        assert self._engine.active_rows == len(self._rows)

    def teardown(self) -> None:
        """Everything that is still running ends by itself."""
        while self._rows:
            self._take(self._engine.step())
        assert self._engine.active_rows == 0
        assert list(self._engine.step()) == []

    def _take(self, steps: object) -> None:
        assert isinstance(steps, list | tuple)
        for step in steps:
            self._take_one(step)
        for row_id in self._since:
            self._since[row_id] += 1
            assert self._since[row_id] < PATIENCE, f"row {row_id} starves"

    def _take_one(self, step: RowStep) -> None:
        assert step.row_id not in self._over, "nothing comes after the end or a cancellation"
        row = self._rows[step.row_id]
        assert step.error is None, step.error
        assert step.token is not None
        self._said[row.row_id] += 1
        self._since[row.row_id] = 0
        assert (step.finish is not None) or self._said[row.row_id] < row.max_tokens
        if step.finish is FinishReason.LENGTH:
            assert self._said[row.row_id] == row.max_tokens
        if step.finish is not None:
            self._end(row.row_id)

    def _end(self, row_id: int) -> None:
        del self._rows[row_id], self._said[row_id], self._since[row_id]
        self._over.add(row_id)


@pytest.fixture(scope="module", params=["scripted", "llama", "gemma3_text"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineSource]:
    if request.param == "scripted":
        yield ScriptedEngine
        return
    folder: Path = tmp_path_factory.mktemp("machine") / request.param
    oracle = SoloOracle(MINIATURES[request.param].build(folder))
    yield lambda: oracle.engine
    oracle.close()


def run_machine(source: EngineSource, examples: int, steps: int, *, derandomize: bool) -> None:
    class Bound(EngineMachine):
        def __init__(self) -> None:
            super().__init__(source)

    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=derandomize,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_any_order_of_calls_is_borne(source: EngineSource) -> None:
    run_machine(source, examples=10, steps=20, derandomize=True)


@pytest.mark.nightly
def test_any_order_of_very_many_calls_is_borne(source: EngineSource) -> None:
    run_machine(source, examples=200, steps=60, derandomize=False)
