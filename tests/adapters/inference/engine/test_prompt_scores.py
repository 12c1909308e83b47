"""The scores of a prompt's tokens are those of one plain pass over it, however it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import mlx_lm
import numpy as np
import pytest

from adapters.builtin_model import builtin_model_folder
from adapters.inference.engine.pace import Bounds, Pace
from adapters.inference.engine.prompt_scores import refuse_to_score_at_once
from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.row import SoloModel
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import GenerationFailed, UnsupportedParameter
from ports.text_engine import RowStep, TextEngine, TokenScore
from tests.adapters.inference.engine.test_prefixes import Remembers
from tests.support.engine_kit import Network, row, run, tokens
from tests.support.prefix_networks import CONFIGS, network, numbers

TOP = 5
TOLERANCE = 2e-4


@pytest.fixture(scope="module", params=["demo", *CONFIGS])
def model(request: pytest.FixtureRequest) -> Any:
    return mlx_lm.load(str(builtin_model_folder()))[0] if request.param == "demo" else network(request.param)


def plain(model: Any, prompt: Sequence[int]) -> np.ndarray[Any, Any]:
    """[length - 1, vocabulary]: what one pass without caches says of every next token."""
    logits = model(mx.array([list(prompt)]))[0, :-1].astype(mx.float32)
    return np.array(logits - mx.logsumexp(logits, axis=-1, keepdims=True))


def scores_of(steps: Sequence[RowStep]) -> list[TokenScore]:
    return [score for step in steps for score in step.prompt_scores]


def assert_same(scores: Sequence[TokenScore], model: Any, prompt: Sequence[int]) -> None:
    expected = plain(model, prompt)
    assert len(scores) == len(expected)
    for at, (score, everything) in enumerate(zip(scores, expected, strict=True)):
        assert score.logprob == pytest.approx(float(everything[prompt[at + 1]]), abs=TOLERANCE)
        assert [logprob for _, logprob in score.top] == pytest.approx(
            np.sort(everything)[: -TOP - 1 : -1], abs=TOLERANCE
        )
        assert all(everything[token] == pytest.approx(logprob, abs=TOLERANCE) for token, logprob in score.top)


@pytest.mark.parametrize("chunk_tokens", [7, 64, 2048])
def test_they_are_those_of_one_pass_whatever_the_chunks(model: Any, chunk_tokens: int) -> None:
    prompt = numbers(300, seed=2)
    engine = MlxTextEngine(model, frozenset(), pace=Pace(chunk_tokens=chunk_tokens))
    assert_same(scores_of(run(engine, row(1, prompt, 1, score_prompt=TOP))[1]), model, prompt)


def test_they_are_those_of_one_pass_for_a_model_served_alone(model: Any) -> None:
    prompt = numbers(600, seed=3)
    engine: TextEngine = SoloEngine(SoloModel(model, frozenset(), CacheMaker(model), "a test"))
    assert_same(scores_of(run(engine, row(1, prompt, 1, score_prompt=TOP, only_read=True))[1]), model, prompt)


def test_what_is_remembered_is_neither_used_nor_added_to(make_engine: Any, llama: Any) -> None:
    prompt = tuple(65 + at % 50 for at in range(80))
    remembered = Remembers()
    engine = make_engine(prefixes=remembered)
    run(engine, row(1, prompt[:60], 1))
    kept = len(remembered.kept)
    steps = run(engine, row(2, prompt, 1, score_prompt=TOP, only_read=True))[2]
    assert_same(scores_of(steps), llama, prompt)
    assert steps[-1].stats is not None
    assert steps[-1].stats.cached_tokens == 0
    run(engine, row(3, prompt, 4, score_prompt=0))
    assert len(remembered.kept) == kept


def test_never_more_logits_than_of_256_places_are_asked_for_at_once(make_engine: Any, network: Network) -> None:
    engine = make_engine(pace=Pace(chunk_tokens=4096))
    run(engine, row(1, tuple(65 + at % 50 for at in range(700)), 2, score_prompt=0))
    assert [length for _, length in network.shapes] == [256, 256, 188, 1]


def test_neighbours_go_on_while_a_long_prompt_is_scored(make_engine: Any) -> None:
    prompt = tuple(65 + at % 50 for at in range(200))
    alone = tokens(run(make_engine(), row(1))[1])
    engine = make_engine(pace=Pace(chunk_tokens=16, step_seconds=0.0), bounds=Bounds(max_rows=4))
    together = run(engine, row(1), row(2, prompt, 3, score_prompt=1))
    assert tokens(together[1]) == alone
    assert len(scores_of(together[2])) == len(prompt) - 1


def test_a_prompt_that_is_read_again_tells_no_score_twice(make_engine: Any) -> None:
    """Its seat was taken from it half way."""
    prompt = tuple(65 + at % 50 for at in range(90))
    engine = make_engine(pace=Pace(chunk_tokens=32))
    expected = scores_of(run(engine, row(1, prompt, 1, score_prompt=1))[1])
    engine.admit(row(2, prompt, 1, score_prompt=1))
    steps = list(engine.step())
    engine._reading.put_back(engine._rows[2])
    while engine.active_rows:
        steps += engine.step()
    found = scores_of(steps)
    assert len(found) == len(expected)
    assert [each.logprob for each in found] == pytest.approx([each.logprob for each in expected], abs=1e-5)


def test_a_row_whose_scoring_breaks_fails_alone(make_engine: Any, network: Network) -> None:
    engine = make_engine()
    network.broken = lambda inputs: inputs.shape[1] == 77
    steps = run(engine, row(1, tuple(range(65, 142)), 2, score_prompt=1), row(2))
    network.broken = lambda _inputs: False
    assert isinstance(steps[1][-1].error, GenerationFailed)
    assert len(tokens(steps[2])) == 12


def test_a_prompt_whose_logits_would_have_to_be_held_all_at_once_is_refused() -> None:
    refuse_to_score_at_once(256)
    with pytest.raises(UnsupportedParameter) as caught:
        refuse_to_score_at_once(257)
    assert caught.value.param == "echo"
