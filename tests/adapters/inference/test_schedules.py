"""Whoever comes, goes or is called off: every row says what it would have said alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from domain.inference import Sampling
from ports.text_engine import EngineRow, RowStep, TextEngine
from tests.support.miniatures import MINIATURES
from tests.support.solo_oracle import GREEDY, SoloOracle, cut_short, tokens_of

PROMPTS = (
    (72, 105),
    tuple(range(65, 105)),
    (70,),
    tuple(range(40, 56)),
    tuple(33 + at * 37 % 90 for at in range(130)),
    tuple(33 + at * 53 % 91 for at in range(700)),
)
MOST = 24
STOPS = (40, 77)  # letters that the miniatures like, so that some answers are stopped
SAMPLINGS = (
    GREEDY,
    Sampling(1.0, 1.0, seed=1),
    Sampling(0.8, 0.9, seed=2, top_k=20, min_p=0.01),
    Sampling(0.0, 1.0, seed=3, repetition_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.25),
    Sampling(1.3, 0.95, seed=2, logit_bias=((65, 2.0), (66, -100.0)), xtc_probability=0.5),
)
QUICK = ("llama", "qwen3_next", "gemma2", "gemma3_text", "gpt_oss", "lfm2")


@dataclass(frozen=True)
class Come:
    """A new row."""

    prompt: int
    sampling: int
    max_tokens: int


@dataclass(frozen=True)
class Go:
    """The row that came so many before the last one is called off."""

    ago: int


@dataclass(frozen=True)
class Steps:
    count: int


Move = Come | Go | Steps
MOVES = st.lists(
    st.one_of(
        st.builds(
            Come, st.sampled_from(range(len(PROMPTS))), st.sampled_from(range(len(SAMPLINGS))), st.integers(1, MOST)
        ),
        st.builds(Come, st.sampled_from(range(len(PROMPTS))), st.just(0), st.integers(1, MOST)),
        st.builds(Go, st.integers(0, 5)),
        st.builds(Steps, st.integers(1, 8)),
    ),
    min_size=12,
    max_size=28,
)

Oracles = Callable[[str], SoloOracle]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracles]:
    made: dict[str, SoloOracle] = {}

    def of(name: str) -> SoloOracle:
        if name not in made:
            made[name] = SoloOracle(_with_stops(MINIATURES[name].build(tmp_path_factory.mktemp(name) / name)))
        return made[name]

    yield of
    for each in made.values():
        each.close()


def _with_stops(folder: Path) -> Path:
    """Also the letters of STOPS end an answer."""
    file = folder / "generation_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    known = config["eos_token_id"]
    config["eos_token_id"] = [*(known if isinstance(known, list) else [known]), *STOPS]
    file.write_text(json.dumps(config), encoding="utf-8")
    return folder


class Played:
    """A schedule as it went: the rows that came, what each reported, which of them were called off."""

    def __init__(self, engine: TextEngine, moves: Sequence[Move]) -> None:
        self.rows: list[EngineRow] = []
        self.steps: dict[int, list[RowStep]] = {}
        self.gone: set[int] = set()
        self._engine = engine
        for move in moves:
            self._play(move)
        while self._engine.active_rows:
            self._step()

    def _play(self, move: Move) -> None:
        match move:
            case Come(prompt, sampling, max_tokens):
                words = PROMPTS[prompt]
                anchors = (len(words) // 2,) if len(words) > 8 else ()
                row = EngineRow(len(self.rows), words, max_tokens, SAMPLINGS[sampling], anchors=anchors)
                self.rows.append(row)
                self.steps[row.row_id] = []
                self._engine.admit(row)
            case Go(ago) if ago < len(self.rows):
                row_id = len(self.rows) - 1 - ago
                self._engine.cancel(row_id)
                if not self.ended(row_id):
                    self.gone.add(row_id)
            case Steps(count):
                for _ in range(count):
                    self._step()

    def _step(self) -> None:
        for step in self._engine.step():
            assert step.row_id not in self.gone, "a row that was called off says nothing more"
            assert not self.ended(step.row_id), "nothing comes after the end"
            self.steps[step.row_id].append(step)

    @property
    def remembered(self) -> int:
        """Tokens of prompts that need not be read again."""
        return sum(step.stats.cached_tokens for steps in self.steps.values() for step in steps[-1:] if step.stats)

    def ended(self, row_id: int) -> bool:
        return any(step.finish is not None or step.error is not None for step in self.steps[row_id])


def check(oracle: SoloOracle, moves: Sequence[Move], stage: SoloOracle | None = None) -> Played:
    """stage: whose engine plays the schedule, when it is not the one that knows what rows say alone."""
    # What the rows say alone comes first: the engine of the schedule must not be busy with it.
    wanted = {move: _wanted(oracle, move) for move in moves if isinstance(move, Come)}
    played = Played((stage or oracle).engine, moves)
    came = [move for move in moves if isinstance(move, Come)]
    for row, move in zip(played.rows, came, strict=True):
        tokens, finish = cut_short(wanted[move], row.max_tokens, oracle.stops)
        said = tokens_of(played.steps[row.row_id])
        if row.row_id in played.gone:
            assert said == tokens[: len(said)]
        else:
            assert said == tokens
            assert played.steps[row.row_id][-1].finish is finish
    return played


def _wanted(oracle: SoloOracle, move: Come) -> tuple[int, ...]:
    """Greedy answers by mlx-lm, the others by the engine when nobody else is there."""
    sampling = SAMPLINGS[move.sampling]
    if sampling == GREEDY:
        return oracle.greedy(PROMPTS[move.prompt], MOST).tokens
    return oracle.alone(EngineRow(0, PROMPTS[move.prompt], MOST, sampling))


@pytest.mark.parametrize("name", QUICK)
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # the nightly form finds the smallest case
    suppress_health_check=list(HealthCheck),
)
@given(moves=MOVES)
def test_rows_of_a_random_schedule_say_what_they_would_alone(name: str, oracle: Oracles, moves: list[Move]) -> None:
    check(oracle(name), moves)


@pytest.mark.nightly
@pytest.mark.parametrize("name", MINIATURES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves=MOVES)
def test_rows_of_many_random_schedules_say_what_they_would_alone(name: str, oracle: Oracles, moves: list[Move]) -> None:
    check(oracle(name), moves)


@pytest.mark.parametrize("name", QUICK)
def test_rows_say_the_same_with_prompts_remembered_and_without(name: str, oracle: Oracles) -> None:
    """Also while others come and go: the second time every prompt is remembered, in whole or up to its last turn."""
    knows = oracle(name)
    stage = SoloOracle(knows.folder, ram_bytes=64 * 2**20)
    crowd = [Come(at % len(PROMPTS), at % len(SAMPLINGS), MOST - at % 7) for at in range(12)]
    check(knows, [*crowd, Steps(30)], stage)
    again = check(knows, [*crowd[3:], Steps(2), Go(1), *crowd, Steps(4), Go(0), *crowd[:5]], stage)
    stage.close()
    assert again.remembered > 500


@pytest.mark.nightly
@pytest.mark.parametrize("name", MINIATURES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves=MOVES)
def test_random_schedules_say_the_same_with_prompts_remembered(name: str, oracle: Oracles, moves: list[Move]) -> None:
    stage = SoloOracle(oracle(name).folder, ram_bytes=64 * 2**20)
    for _ in range(2):
        check(oracle(name), moves, stage)
    stage.close()


def test_a_full_house_that_comes_at_once_and_half_of_it_leaves(oracle: Oracles) -> None:
    crowd = [Come(at % 5, at % len(SAMPLINGS), MOST - at % 7) for at in range(40)]
    late = [replace(move, sampling=0) for move in crowd[:9]]
    check(oracle("qwen3"), [*crowd, Steps(3), *(Go(ago) for ago in range(0, 40, 2)), Steps(2), *late])
