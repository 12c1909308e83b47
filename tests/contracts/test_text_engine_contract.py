"""What every TextEngine does: the scripted one, the batched one and the one for single rows, guesses or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mlx_lm
import pytest

from adapters.builtin_model import builtin_model_folder
from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.proposers import DraftModel, MakeProposer, NgramLookup
from adapters.inference.solo.row import SoloModel
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import GenerationFailed
from domain.inference import FinishReason, Sampling
from ports.text_engine import EngineRow, RowStep, TextEngine
from tests.support.fakes.engine import ScriptedEngine
from tests.support.tiny_llama import TinyLlama

MakeEngine = Callable[[frozenset[int]], TextEngine]
GREEDY = Sampling(temperature=0.0, top_p=1.0, seed=0)
PROMPTS = ((257, 72, 105), (257, *range(65, 105)), (70,), (257, *range(97, 120), 258))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return mlx_lm.load(str(TinyLlama().build(tmp_path_factory.mktemp("engine") / "tiny")))[0]


@pytest.fixture(scope="module")
def demo_network() -> Any:
    return mlx_lm.load(str(builtin_model_folder()))[0]


def alone(kind: str, network: Any, stop_tokens: frozenset[int]) -> SoloEngine:
    """Plain, with the model as its own draft, and with look-ups in the text so far."""
    vocabulary = network.args.vocab_size
    guessing: dict[str, MakeProposer] = {
        "draft": lambda: DraftModel(network, vocabulary, vocabulary),
        "ngram": lambda: NgramLookup(1),
    }
    caches = CacheMaker(network)
    if kind not in guessing:
        return SoloEngine(SoloModel(network, stop_tokens, caches, "a test"))
    return SoloEngine(SoloModel(network, stop_tokens, caches, "a test", guessing[kind], draft_tokens=3))


@pytest.fixture(params=["scripted", "tiny", "demo", "solo", "draft", "ngram"])
def make_engine(request: pytest.FixtureRequest, network: Any, demo_network: Any) -> Iterator[MakeEngine]:
    made: list[TextEngine] = []

    def make(stop_tokens: frozenset[int] = frozenset()) -> TextEngine:
        if request.param == "scripted":
            made.append(ScriptedEngine(stop_tokens=stop_tokens))
        elif request.param in ("solo", "draft", "ngram"):
            made.append(alone(request.param, network, stop_tokens))
        else:
            made.append(MlxTextEngine(network if request.param == "tiny" else demo_network, stop_tokens))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> TextEngine:
    return make_engine(frozenset())


def row(
    row_id: int, prompt: Sequence[int] = PROMPTS[0], max_tokens: int = 12, sampling: Sampling = GREEDY
) -> EngineRow:
    return EngineRow(row_id, tuple(prompt), max_tokens, sampling)


def hot(seed: int) -> Sampling:
    return Sampling(temperature=1.0, top_p=0.95, seed=seed)


def run(engine: TextEngine, *rows: EngineRow) -> dict[int, list[RowStep]]:
    """Admit these rows, one each step, and step until all is done."""
    waiting = list(rows)
    steps: dict[int, list[RowStep]] = {each.row_id: [] for each in rows}
    while waiting or engine.active_rows:
        if waiting:
            engine.admit(waiting.pop(0))
        for step in engine.step():
            steps[step.row_id].append(step)
    return steps


def tokens(steps: Sequence[RowStep]) -> list[int]:
    return [step.token for step in steps if step.token is not None]


def test_a_row_says_as_many_tokens_as_it_may_and_ends_with_length(engine: TextEngine) -> None:
    steps = run(engine, row(1, max_tokens=5))[1]
    assert [step.finish for step in steps] == [None] * 4 + [FinishReason.LENGTH]
    assert len(tokens(steps)) == 5


def test_a_single_token_is_both_first_and_last(engine: TextEngine) -> None:
    assert [step.finish for step in run(engine, row(1, max_tokens=1))[1]] == [FinishReason.LENGTH]


def test_a_prompt_of_one_token_is_enough(engine: TextEngine) -> None:
    assert len(tokens(run(engine, row(1, prompt=(70,)))[1])) == 12


@pytest.mark.parametrize("at", [0, 3])
def test_a_stop_token_ends_its_row(make_engine: MakeEngine, at: int) -> None:
    said = tokens(run(make_engine(frozenset()), row(1))[1])
    stop = said[at]
    steps = run(make_engine(frozenset({stop})), row(1))[1]
    assert tokens(steps) == said[: said.index(stop) + 1]
    assert steps[-1].finish is FinishReason.STOP


def test_stop_beats_length_when_both_hit(make_engine: MakeEngine) -> None:
    first = tokens(run(make_engine(frozenset()), row(1))[1])[0]
    steps = run(make_engine(frozenset({first})), row(1, max_tokens=1))[1]
    assert [step.finish for step in steps] == [FinishReason.STOP]


def test_greedy_rows_say_the_same_alone_and_in_company(make_engine: MakeEngine) -> None:
    rows = [row(at, prompt) for at, prompt in enumerate(PROMPTS)]
    together = run(make_engine(frozenset()), *rows)
    for each in rows:
        assert tokens(together[each.row_id]) == tokens(run(make_engine(frozenset()), each)[each.row_id])


def test_seeded_rows_say_the_same_alone_and_in_company(make_engine: MakeEngine) -> None:
    rows = [row(at, prompt, sampling=hot(seed=at % 2)) for at, prompt in enumerate(PROMPTS)]
    together = run(make_engine(frozenset()), *rows, row(9))
    for each in rows:
        assert tokens(together[each.row_id]) == tokens(run(make_engine(frozenset()), each)[each.row_id])


def test_another_seed_says_something_else(engine: TextEngine) -> None:
    steps = run(engine, row(1, sampling=hot(seed=1)), row(2, sampling=hot(seed=2)))
    assert tokens(steps[1]) != tokens(steps[2])


def test_a_cancelled_row_reports_nothing_more_and_its_neighbour_notices_nothing(make_engine: MakeEngine) -> None:
    alone = tokens(run(make_engine(frozenset()), row(2, PROMPTS[1]))[2])
    engine = make_engine(frozenset())
    engine.admit(row(1, max_tokens=400))
    engine.admit(row(2, PROMPTS[1]))
    said: list[int] = []
    while len(said) < 4:
        said += tokens([step for step in engine.step() if step.row_id == 2])
    engine.cancel(1)
    assert engine.active_rows == 1
    while engine.active_rows:
        steps = engine.step()
        assert {step.row_id for step in steps} <= {2}
        said += tokens(steps)
    assert said == alone


def test_a_row_cancelled_before_its_first_step_is_gone(engine: TextEngine) -> None:
    engine.admit(row(1))
    engine.cancel(1)
    assert engine.active_rows == 0
    assert list(engine.step()) == []


def test_cancelling_an_unknown_row_is_no_error(engine: TextEngine) -> None:
    engine.cancel(5)
    engine.admit(row(1, max_tokens=2))
    engine.cancel(5)
    assert engine.active_rows == 1


def test_stepping_with_nothing_to_do_does_nothing(engine: TextEngine) -> None:
    assert list(engine.step()) == []
    assert engine.active_rows == 0


def test_a_row_that_cannot_be_taken_is_refused_and_others_go_on(engine: TextEngine) -> None:
    engine.admit(row(1, max_tokens=2))
    with pytest.raises(GenerationFailed):
        engine.admit(row(2, prompt=()))
    assert engine.active_rows == 1
    said = [step.row_id for _ in range(20) for step in engine.step()]
    assert said == [1, 1]


def test_active_rows_count_from_admission_to_the_last_token(engine: TextEngine) -> None:
    engine.admit(row(1, max_tokens=2))
    engine.admit(row(2, max_tokens=3))
    assert engine.active_rows == 2
    steps = [step for _ in range(20) for step in engine.step()]
    assert engine.active_rows == 0
    assert sorted(step.row_id for step in steps) == [1, 1, 2, 2, 2]


def test_closing_twice_is_fine(engine: TextEngine) -> None:
    engine.admit(row(1))
    engine.close()
    engine.close()
    assert engine.active_rows == 0
