"""Every architecture says in our batches what mlx-lm says to one prompt alone, token for token."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ports.text_engine import EngineRow
from tests.support.miniatures import MINIATURES
from tests.support.solo_oracle import GREEDY, SoloOracle, drain, tokens_of

# Lengths around the window of 16 tokens that the sliding miniatures have, one far beyond it, one single
# token, one longer than a chunk of prefill.
PROMPTS = (
    (72, 105),
    tuple(range(65, 105)),
    (70,),
    tuple(range(40, 56)),
    tuple(33 + at * 37 % 90 for at in range(130)),
    tuple(range(97, 114)),
    tuple(33 + at * 53 % 91 for at in range(700)),
)
TOKENS = 24
NEAR_TIE = 0.0015  # nats; shapes of batches move float32 scores by less than a hundredth of that

Oracles = Callable[[str], SoloOracle]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracles]:
    made: dict[str, SoloOracle] = {}

    def of(name: str) -> SoloOracle:
        if name not in made:
            made[name] = SoloOracle(MINIATURES[name].build(tmp_path_factory.mktemp(name) / name))
        return made[name]

    yield of
    for each in made.values():
        each.close()


@pytest.mark.parametrize("name", MINIATURES)
def test_no_answer_of_these_hangs_on_a_near_tie(name: str, oracle: Oracles) -> None:
    assert min(oracle(name).greedy(prompt, TOKENS).margin for prompt in PROMPTS) > NEAR_TIE


@pytest.mark.parametrize("name", MINIATURES)
def test_one_row_alone_says_what_mlx_lm_says(name: str, oracle: Oracles) -> None:
    for at, prompt in enumerate(PROMPTS):
        steps = drain(oracle(name).engine, EngineRow(at, prompt, TOKENS, GREEDY))
        assert tokens_of(steps[at]) == oracle(name).greedy(prompt, TOKENS).tokens


@pytest.mark.parametrize("name", MINIATURES)
def test_rows_in_company_say_what_mlx_lm_says_to_each_alone(name: str, oracle: Oracles) -> None:
    rows = [EngineRow(at, prompt, TOKENS, GREEDY) for at, prompt in enumerate(PROMPTS)]
    together = drain(oracle(name).engine, *rows)
    for row in rows:
        assert tokens_of(together[row.row_id]) == oracle(name).greedy(row.prompt, TOKENS).tokens, row.row_id
