"""One row's draws: mlx-lm's temperature and top_p, and a key of the row's own."""

from __future__ import annotations

import math
from typing import cast

import mlx.core as mx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlx_lm.sample_utils import apply_top_p

from adapters.inference.row_sampler import greedy, sampler_for
from domain.inference import Sampling
from domain.inference.row_key import row_key

VOCABULARY = 40


def logprobs(seed: int = 3) -> mx.array:
    logits = mx.random.normal((1, VOCABULARY), key=mx.random.key(seed)) * 2
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


def number(array: mx.array) -> int:
    return cast(int, array.item())


def numbers(array: mx.array) -> list[float]:
    return cast(list[float], array.tolist())


def draws(sampling: Sampling, count: int = 300) -> list[int]:
    sample, given_logprobs = sampler_for(sampling), logprobs()
    return [number(sample(given_logprobs)) for _ in range(count)]


@pytest.mark.parametrize("top_p", [0.3, 0.8, 0.95])
def test_top_p_keeps_the_tokens_that_mlx_lm_keeps(top_p: float) -> None:
    kept = {at for at, value in enumerate(numbers(apply_top_p(logprobs(), top_p)[0])) if value > -math.inf}
    drawn = set(draws(Sampling(temperature=2.0, top_p=top_p, seed=1), count=60 * len(kept)))
    assert drawn == kept


def test_top_p_one_leaves_every_token_in() -> None:
    likely = {at for at, value in enumerate(numbers(logprobs()[0])) if value > -4.5}
    assert likely <= set(draws(Sampling(temperature=1.0, top_p=1.0, seed=1), count=1500))


def test_temperature_divides_the_logprobs() -> None:
    sampling = Sampling(temperature=0.5, top_p=1.0, seed=9)
    key = mx.random.key(row_key(9, 0))
    assert draws(sampling, 1) == [number(mx.random.categorical(logprobs() / 0.5, key=key))]


@pytest.mark.parametrize(
    "sampling", [Sampling(0.0, 0.9, 1), Sampling(1.0, 0.0, 1), Sampling(1.0, 1e-9, 1), Sampling(1e-6, 1.0, 1)]
)
def test_no_temperature_or_no_mass_leaves_the_likeliest_token(sampling: Sampling) -> None:
    assert set(draws(sampling, 20)) == {number(mx.argmax(logprobs()))}


def test_all_greedy_rows_share_one_sampler() -> None:
    assert sampler_for(Sampling(0.0, 0.9, 1)) is sampler_for(Sampling(0.0, 0.5, 2)) is greedy


def test_the_global_random_state_plays_no_part() -> None:
    sampling = Sampling(1.0, 0.9, 42)
    mx.random.seed(1)
    first = draws(sampling, 20)
    mx.random.seed(2)
    assert draws(sampling, 20) == first


@pytest.mark.parametrize(
    "values", [[math.nan] * 4, [-math.inf] * 4, [math.inf, 0.0, 1.0, 2.0], [0.0, math.nan, 1.0, 2.0]]
)
def test_a_broken_distribution_gives_some_token_and_no_error(values: list[float]) -> None:
    for sampling in (Sampling(1.0, 0.9, 1), Sampling(1.0, 1.0, 1), Sampling(0.0, 1.0, 1)):
        assert 0 <= number(sampler_for(sampling)(mx.array([values]))) < 4


@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6))
def test_a_row_key_is_64_bits_and_no_neighbours_share_it(seed: int, position: int) -> None:
    key = row_key(seed, position)
    assert 0 <= key < 2**64
    assert key != row_key(seed, position + 1)
    assert key != row_key((seed + 1) % 2**64, position)


def test_row_keys_of_many_rows_and_positions_are_all_different() -> None:
    assert len({row_key(seed, position) for seed in range(100) for position in range(100)}) == 10_000
