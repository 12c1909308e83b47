"""What every TextEngine does: the scripted one, the batched one and the one for single rows, guesses or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mlx_lm
import pytest

from adapters.builtin_model import builtin_model_folder
from adapters.inference.solo.caches import CacheMaker
from adapters.inference.solo.engine import SoloEngine
from adapters.inference.solo.proposers import DraftModel, MakeProposer, NgramLookup
from adapters.inference.solo.row import SoloModel
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import DeadlineMissed, GenerationFailed
from domain.inference import FinishReason, Urgency
from ports.text_engine import TextEngine
from tests.support.engine_kit import PROMPTS, Breaks, Follows, hot, row, run, tokens
from tests.support.fakes.engine import ScriptedEngine
from tests.support.tiny_llama import TinyLlama

MakeEngine = Callable[[frozenset[int]], TextEngine]


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


def test_what_an_engine_learns_between_answers_changes_none(make_engine: MakeEngine) -> None:
    rows = [row(at, prompt, sampling=hot(seed=at)) for at, prompt in enumerate(PROMPTS)]
    engine = make_engine(frozenset())
    first = tokens(run(engine, rows[0])[0])
    engine.learn()
    engine.learn()
    learned, unlearned = run(engine, *rows), run(make_engine(frozenset()), *rows)
    for each in rows:
        assert tokens(learned[each.row_id]) == tokens(unlearned[each.row_id])
    assert tokens(learned[0]) == first


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


def test_to_explain_a_prompt_and_to_be_idle_change_no_row(make_engine: MakeEngine) -> None:
    alone, engine = make_engine(frozenset()), make_engine(frozenset())
    expected = tokens(run(alone, row(1, max_tokens=6))[1])
    engine.admit(row(1, max_tokens=6))
    said: list[int | None] = []
    while engine.active_rows:
        found = engine.explain((5, 6, 7))
        assert (found.prompt_tokens, found.reusable_tokens) == (3, 0)
        assert engine.idle() is None, "with rows, or with nothing to compare"
        said += [step.token for step in engine.step()]
    assert said == list(expected)
    assert engine.idle() is None
    engine.close()
    assert engine.explain((5,)).prompt_tokens == 1
    assert engine.idle() is None


def test_closing_twice_is_fine(engine: TextEngine) -> None:
    engine.admit(row(1))
    engine.close()
    engine.close()
    assert engine.active_rows == 0


def test_a_row_that_asks_for_logprobs_gets_them_with_each_token(engine: TextEngine) -> None:
    steps = run(engine, row(1, logprobs=3), row(2))
    for step in steps[1]:
        assert step.score is not None
        assert len(step.score.top) == 3
        assert step.score.top == tuple(sorted(step.score.top, key=lambda pair: -pair[1]))
        assert (step.token, step.score.logprob) == step.score.top[0], "greedy draws the likeliest"
        assert sum(2.718281828**logprob for _, logprob in step.score.top) <= 1.001
    assert all(step.score is None for step in steps[2])


def test_logprobs_of_no_others_are_of_the_token_alone(engine: TextEngine) -> None:
    scores = [step.score for step in run(engine, row(1, logprobs=0))[1]]
    assert all(score is not None and score.top == () and score.logprob <= 0.0 for score in scores)


def test_a_constrained_row_says_what_it_may_and_hears_each_token(make_engine: MakeEngine) -> None:
    free = tokens(run(make_engine(frozenset()), row(2, PROMPTS[1]))[2])
    constraint = Follows([{48, 49}, {50}, {51, 52, 53}])
    steps = run(make_engine(frozenset()), row(1, max_tokens=6, constraint=constraint), row(2, PROMPTS[1]))
    said = tokens(steps[1])
    assert said[0] in {48, 49}
    assert said[1] == 50
    assert said[2] in {51, 52, 53}
    assert constraint.heard == said[: len(constraint.heard)]
    assert len(constraint.heard) >= 5, "the last token ends the row: nobody needs to hear it"
    assert tokens(steps[2]) == free


@pytest.mark.parametrize(("hook", "after"), [("allowed", 0), ("allowed", 3), ("accept", 0), ("accept", 3)])
def test_a_constraint_that_raises_fails_its_own_row(make_engine: MakeEngine, hook: str, after: int) -> None:
    free = tokens(run(make_engine(frozenset()), row(2, PROMPTS[1]))[2])
    steps = run(make_engine(frozenset()), row(1, constraint=Breaks(hook, after)), row(2, PROMPTS[1]))
    *_, last = steps[1]
    assert isinstance(last.error, GenerationFailed)
    assert "the grammar is broken" in last.error.message
    assert tokens(steps[2]) == free


def test_stop_tokens_in_a_row_are_counted_on_request_and_say_nothing(make_engine: MakeEngine) -> None:
    said = tokens(run(make_engine(frozenset()), row(1))[1])
    every = frozenset(range(4096)) - set(said[:2])
    steps = run(make_engine(every), row(1, count_stops=True), row(2, count_stops=False))
    assert tokens(steps[1]) == said[:3]
    *_, last = steps[1]
    assert last.finish is FinishReason.STOP
    assert last.stats is not None
    assert last.stats.stop_tokens > 1
    assert last.stats.stop_tokens <= 8
    assert steps[2][-1].stats is not None
    assert steps[2][-1].stats.stop_tokens == 0


def test_a_stop_token_alone_is_counted_as_one(make_engine: MakeEngine) -> None:
    said = tokens(run(make_engine(frozenset()), row(1))[1])
    at = next(at for at in range(1, len(said) - 1) if said[at + 1] != said[at] and said[at] not in said[:at])
    last = run(make_engine(frozenset({said[at]})), row(1, count_stops=True))[1][-1]
    assert (last.token, last.stats and last.stats.stop_tokens) == (said[at], 1)


def test_the_last_step_of_a_row_says_how_it_went(engine: TextEngine) -> None:
    *before, last = run(engine, row(1))[1]
    assert before[0].stats is not None
    assert before[0].stats.decode_seconds == 0.0
    assert all(step.stats is None for step in before[1:])
    assert last.stats is not None
    assert last.stats.cached_tokens == 0
    assert min(last.stats.waiting_seconds, last.stats.prefill_seconds, last.stats.decode_seconds) >= 0.0


def test_a_row_past_its_deadline_fails_and_the_others_go_on(engine: TextEngine) -> None:
    engine.admit(row(1, max_tokens=400, urgency=Urgency(deadline_seconds=1e-9)))
    engine.admit(row(2))
    steps = [step for _ in range(30) for step in engine.step()]
    (late,) = [step for step in steps if step.row_id == 1]
    assert isinstance(late.error, DeadlineMissed)
    assert len([step for step in steps if step.row_id == 2]) == 12
    assert engine.active_rows == 0


def test_an_engine_says_how_many_it_serves(engine: TextEngine) -> None:
    assert (engine.pulse().running, engine.pulse().reading) == (0, 0)
    engine.admit(row(1, max_tokens=5))
    assert (engine.pulse().running, engine.pulse().reading) == (0, 1)
    while not engine.step():
        pass
    pulse = engine.pulse()
    assert (pulse.running, pulse.reading) == (1, 0)
    assert pulse.step_seconds >= 0
    engine.cancel(1)
    assert engine.pulse().running == 0
