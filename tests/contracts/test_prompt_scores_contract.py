"""What every TextEngine tells of a prompt it was asked to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mlx_lm
import pytest

from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.proposers import NgramLookup
from adapters.inference.solo.row import SoloModel
from adapters.inference.text_engine import MlxTextEngine
from domain.inference import FinishReason
from ports.text_engine import EngineRow, RowStep, TextEngine
from tests.support.engine_kit import row, run, tokens
from tests.support.fakes.engine import ScriptedEngine
from tests.support.tiny_llama import TinyLlama

LONG = (257, *(33 + 7 * at % 90 for at in range(600)))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return mlx_lm.load(str(TinyLlama(context_length=2048).build(tmp_path_factory.mktemp("scores") / "tiny")))[0]


@pytest.fixture(params=["scripted", "batched", "solo", "guessing"])
def engine(request: pytest.FixtureRequest, network: Any) -> Iterator[TextEngine]:
    def single(*guesses: Any) -> TextEngine:
        return SoloEngine(SoloModel(network, frozenset(), CacheMaker(network), "a test", *guesses))

    makers: dict[str, Callable[[], TextEngine]] = {
        "scripted": ScriptedEngine,
        "batched": lambda: MlxTextEngine(network, frozenset()),
        "solo": single,
        "guessing": lambda: single(lambda: NgramLookup(1), 3),
    }
    made = makers[request.param]()
    yield made
    made.close()


def of_prompt(steps: list[RowStep]) -> list[RowStep]:
    """Steps before the first token, none of which comes later."""
    told = [step for step in steps if step.token is None]
    assert steps[: len(told)] == told
    return told


def test_a_row_that_asks_hears_how_far_its_prompt_is_read_and_no_other_does(engine: TextEngine) -> None:
    steps = run(engine, row(1, LONG, 3, progress=True), row(2, LONG[:400], 3))
    read = [step.read for step in of_prompt(steps[1])]
    assert read == sorted(set(read), key=lambda done: done or 0)
    assert read[-1] == len(LONG)
    assert not of_prompt(steps[2])
    assert len(tokens(steps[1])) == len(tokens(steps[2])) == 3


@pytest.mark.parametrize("length", [2, 40, len(LONG)])
def test_every_token_of_a_prompt_but_the_first_has_a_score(engine: TextEngine, length: int) -> None:
    steps = run(engine, row(1, LONG[:length], 4, score_prompt=2))[1]
    scores = [score for step in of_prompt(steps) for score in step.prompt_scores]
    assert len(scores) == length - 1
    assert all(len(score.top) == 2 and score.logprob <= 0 for score in scores)
    assert all(first >= second for score in scores for (_, first), (_, second) in [score.top])
    assert len(tokens(steps)) == 4


def test_scores_change_nothing_of_the_answer(engine: TextEngine) -> None:
    plain = tokens(run(engine, row(1, LONG, 5))[1])
    assert tokens(run(engine, row(2, LONG, 5, score_prompt=0, progress=True))[2]) == plain


@pytest.mark.parametrize("prompt", [LONG[:1], LONG[:2], LONG])
def test_a_row_that_only_reads_ends_with_its_prompt(engine: TextEngine, prompt: tuple[int, ...]) -> None:
    asked: EngineRow = row(1, prompt, 1, score_prompt=1, only_read=True)
    steps = run(engine, asked, row(2, LONG[:50], 3))
    told = of_prompt(steps[1])
    assert told == steps[1]
    assert sum(len(step.prompt_scores) for step in told) == len(prompt) - 1
    assert [step.finish for step in told][-1] is FinishReason.LENGTH
    assert told[-1].stats is not None
    assert len(tokens(steps[2])) == 3
