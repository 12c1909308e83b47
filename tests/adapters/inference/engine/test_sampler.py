"""One call draws for every row: mlx-lm's definitions, and keys of the rows' own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.sample_utils import apply_min_p, apply_top_k, apply_top_p, apply_xtc

from adapters.inference.engine.sampler import Sampler
from domain.inference import Sampling
from domain.inference.row_key import row_key

VOCABULARY = 40
PLAIN = Sampling(temperature=1.0, top_p=1.0, seed=1)
MIXED = (
    PLAIN,
    Sampling(0.0, 0.9, 2),
    Sampling(0.7, 0.8, 3),
    Sampling(1.3, 1.0, 4, top_k=5),
    Sampling(1.0, 0.95, 5, min_p=0.1),
    Sampling(1.0, 1.0, 6, xtc_probability=0.7, xtc_threshold=0.05),
    Sampling(1.1, 0.9, 7, top_k=9, min_p=0.01, xtc_probability=0.4, xtc_threshold=0.02),
    Sampling(1.0, 0.0, 8),
    Sampling(1.0, 1.0, 9, top_k=1),
)


def logits(seed: int = 3, rows: int = 1) -> mx.array:
    return mx.random.normal((rows, VOCABULARY), key=mx.random.key(seed)) * 2


def logprobs(given: mx.array) -> mx.array:
    return given - mx.logsumexp(given, axis=-1, keepdims=True)


def numbers(array: mx.array) -> list[Any]:
    return cast("list[Any]", array.tolist())


def draws(sampling: Sampling, count: int = 300, spared: frozenset[int] = frozenset()) -> list[int]:
    """One row's answer of so many tokens, the logits always the same."""
    sampler = Sampler([replace(sampling, seed=sampling.seed + at) for at in range(count)], spared)
    return numbers(sampler.draw(mx.repeat(logits(), count, axis=0), [0] * count))


def kept(cut: Callable[[mx.array], Any]) -> set[int]:
    """What a function of mlx-lm leaves of the same distribution."""
    return {at for at, value in enumerate(numbers(cut(logprobs(logits()))[0])) if value > -math.inf}


@pytest.mark.parametrize("top_p", [0.3, 0.8, 0.95])
def test_top_p_keeps_the_tokens_that_mlx_lm_keeps(top_p: float) -> None:
    wanted = kept(lambda given: apply_top_p(given, top_p))
    assert set(draws(Sampling(2.0, top_p, 1), count=60 * len(wanted))) == wanted


@pytest.mark.parametrize("min_p", [0.02, 0.1, 0.5])
def test_min_p_keeps_the_tokens_that_mlx_lm_keeps(min_p: float) -> None:
    wanted = kept(lambda given: apply_min_p(given, min_p))
    assert set(draws(Sampling(2.0, 1.0, 1, min_p=min_p), count=60 * len(wanted))) == wanted


@pytest.mark.parametrize("top_k", [2, 5, 39])
def test_top_k_keeps_the_tokens_that_mlx_lm_keeps(top_k: int) -> None:
    wanted = kept(lambda given: apply_top_k(given, top_k))
    assert set(draws(Sampling(8.0, 1.0, 1, top_k=top_k), count=60 * len(wanted))) == wanted


def test_a_top_k_beyond_the_vocabulary_leaves_every_token_in() -> None:
    assert set(draws(Sampling(20.0, 1.0, 1, top_k=1000), count=3000)) == set(range(VOCABULARY))


def test_xtc_that_always_happens_keeps_the_tokens_that_mlx_lm_keeps() -> None:
    wanted = kept(lambda given: apply_xtc(given, 1.0, 0.05, []))
    assert len(wanted) < VOCABULARY
    drawn = set(draws(Sampling(4.0, 1.0, 1, xtc_probability=1.0, xtc_threshold=0.05), count=3000))
    assert drawn == wanted


def test_xtc_spares_stop_tokens() -> None:
    likeliest = numbers(mx.argmax(logits(), axis=-1))[0]
    sampling = Sampling(1.0, 1.0, 1, xtc_probability=1.0, xtc_threshold=0.05)
    assert likeliest not in draws(sampling)
    assert likeliest in draws(sampling, spared=frozenset({likeliest}))


def test_xtc_happens_as_often_as_its_probability_says() -> None:
    sampling = Sampling(1e-3, 1.0, 1, xtc_probability=0.25, xtc_threshold=0.05)
    likeliest = numbers(mx.argmax(logits(), axis=-1))[0]
    said = draws(sampling, count=2000)
    assert 0.2 < sum(token != likeliest for token in said) / len(said) < 0.3


def test_the_cuts_come_in_mlx_lms_order() -> None:
    def cut(given: mx.array) -> Any:
        return apply_top_k(apply_xtc(apply_min_p(apply_top_p(given, 0.98), 0.02), 1.0, 0.05, []), 3)

    sampling = Sampling(5.0, 0.98, 1, top_k=3, min_p=0.02, xtc_probability=1.0, xtc_threshold=0.05)
    assert set(draws(sampling)) == kept(cut)


def test_draws_follow_the_models_distribution() -> None:
    said = draws(Sampling(0.8, 1.0, 1), count=20_000)
    wanted = numbers(mx.softmax(logits() / 0.8, axis=-1)[0])
    assert max(abs(said.count(token) / len(said) - wanted[token]) for token in range(VOCABULARY)) < 0.015


def test_the_key_is_the_seeds_and_the_positions() -> None:
    key = mx.random.key(row_key(9, 4))
    found = Sampler([Sampling(0.5, 1.0, 9)]).draw(logits(), [4])
    assert numbers(found) == [numbers(mx.random.categorical(logprobs(logits())[0] / 0.5, key=key))]


def test_rows_of_every_kind_draw_in_company_what_they_draw_alone() -> None:
    given, positions = logits(rows=len(MIXED)), list(range(len(MIXED)))
    together = numbers(Sampler(MIXED).draw(given, positions))
    alone = [numbers(Sampler([each]).draw(given[at : at + 1], [at]))[0] for at, each in enumerate(MIXED)]
    assert together == alone


@pytest.mark.parametrize(
    "sampling", [Sampling(0.0, 0.9, 1), Sampling(1.0, 0.0, 1), Sampling(1.0, 1e-9, 1), Sampling(1e-6, 1.0, 1)]
)
def test_no_temperature_or_no_mass_leaves_the_likeliest_token(sampling: Sampling) -> None:
    assert set(draws(sampling, 20)) == set(numbers(mx.argmax(logits(), axis=-1)))


def test_the_global_random_state_plays_no_part() -> None:
    mx.random.seed(1)
    first = draws(PLAIN, 20)
    mx.random.seed(2)
    assert draws(PLAIN, 20) == first


@pytest.mark.parametrize(
    "values", [[math.nan] * 4, [-math.inf] * 4, [math.inf, 0.0, 1.0, 2.0], [0.0, math.nan, 1.0, 2.0]]
)
def test_a_broken_distribution_gives_some_token_and_no_error(values: list[float]) -> None:
    given = mx.array([values] * len(MIXED))
    assert all(0 <= token < 4 for token in numbers(Sampler(MIXED).draw(given, [0] * len(MIXED))))


def test_the_logits_that_were_given_stay_as_they_were() -> None:
    given = logits(rows=len(MIXED))
    before = numbers(given)
    mx.eval(Sampler(MIXED).draw(given, [0] * len(MIXED)))
    assert numbers(given) == before


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6))
def test_a_row_key_is_64_bits_and_no_neighbours_share_it(seed: int, position: int) -> None:
    key = row_key(seed, position)
    assert 0 <= key < 2**64
    assert key != row_key(seed, position + 1)
    assert key != row_key((seed + 1) % 2**64, position)


def test_row_keys_of_many_rows_and_positions_are_all_different() -> None:
    assert len({row_key(seed, position) for seed in range(100) for position in range(100)}) == 10_000
