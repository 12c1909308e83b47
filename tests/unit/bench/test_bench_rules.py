"""What is measured, and what is made of it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bench.filler import filler, words_for
from domain.bench.plan import BenchmarkPlan, Cell
from domain.bench.report import BenchmarkReport, Measurement, Spread, Timing, compare, measured
from domain.errors import ContextLengthExceeded, InvalidRequest


def timing(first: float, decode: float, prompt: int = 100, answer: int = 11, cached: int = 0) -> Timing:
    return Timing(prompt, answer, first, decode, peak_memory_bytes=7, cached_tokens=cached)


def report(*runs: list[list[Timing]]) -> BenchmarkReport:
    return BenchmarkReport("org/m", None, "2026-01-01T00:00:00+00:00", {"mlx": "1"}, tuple(map(measured, runs)))


def test_cells_go_from_short_and_single_to_long_and_many_and_none_twice() -> None:
    plan = BenchmarkPlan(prompts=(64, 32, 64), batches=(4, 1))
    assert list(plan.cells()) == [Cell(32, 1), Cell(32, 4), Cell(64, 1), Cell(64, 4)]


def test_default_lengths_that_do_not_fit_are_left_out() -> None:
    assert BenchmarkPlan(answer=100).fitted(700, chosen=False).prompts == (128, 512)


def test_chosen_lengths_that_do_not_fit_are_refused_by_numbers() -> None:
    with pytest.raises(ContextLengthExceeded, match=r"prompt 2,048 \+ answer 100 > context 700") as refusal:
        BenchmarkPlan(answer=100).fitted(700, chosen=True)
    assert refusal.value.detail == {"largest_prompt": 600}


def test_a_context_too_short_for_any_length_is_refused() -> None:
    with pytest.raises(ContextLengthExceeded, match="prompt 128"):
        BenchmarkPlan(answer=100).fitted(200, chosen=False)


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ({"prompts": ()}, "--prompt-tokens"),
        ({"prompts": (15,)}, "--prompt-tokens"),
        ({"batches": (0,)}, "--batch"),
        ({"batches": (257,)}, "--batch"),
        ({"batches": tuple(range(1, 18))}, "--batch"),
        ({"answer": 1}, "--answer-tokens"),
        ({"runs": 0}, "--runs"),
    ],
)
def test_a_number_out_of_range_is_named(values: dict[str, tuple[int, ...]], flag: str) -> None:
    with pytest.raises(InvalidRequest, match=flag):
        BenchmarkPlan(**values)  # type: ignore[arg-type]


@given(seed=st.integers(0, 10**6), words=st.integers(1, 50))
def test_filler_has_so_many_words_and_is_the_same_every_time(seed: int, words: int) -> None:
    assert filler(words, seed) == filler(words, seed)
    assert len(filler(words, seed).split(" ")) == words


def test_fillers_of_other_seeds_differ_from_their_first_words_on() -> None:
    assert len({filler(4, seed) for seed in range(200)}) > 190


@given(tokens=st.integers(20, 10_000), per_word=st.integers(1, 4), template=st.integers(0, 15))
def test_words_are_found_for_any_length(tokens: int, per_word: int, template: int) -> None:
    words = words_for(tokens, (4, template + 4 * per_word), (36, template + 36 * per_word))
    assert abs(template + words * per_word - tokens) <= per_word


def test_rates_are_of_all_rows_together() -> None:
    # 2 x 100 tokens are read when the second begins, after 2 s; it then writes 10 more in 1 s, beside one other.
    cell = measured([[timing(1.0, 2.0), timing(2.0, 1.0)]])
    assert cell.prefill_rate.median == 100
    assert cell.decode_rate.median == 20
    assert cell.first_token_seconds.median == 1.5
    assert (cell.batch, cell.prompt_tokens, cell.answer_tokens, cell.peak_memory_bytes) == (2, 100, 11, 7)


def test_what_was_remembered_was_not_read() -> None:
    cell = measured([[timing(1.0, 1.0, prompt=100, cached=40)]])
    assert (cell.prompt_tokens, cell.prefill_rate.median) == (60, 60)


def test_runs_give_a_median_and_a_spread() -> None:
    cell = measured([[timing(1.0, seconds)] for seconds in (1.0, 2.0, 5.0)])
    assert (cell.decode_rate.low, cell.decode_rate.median, cell.decode_rate.high) == (2, 5, 10)


def test_a_report_comes_back_from_its_file() -> None:
    found = report([[timing(1.0, 2.0)]], [[timing(3.0, 4.0), timing(3.0, 4.0)]])
    assert BenchmarkReport.from_json(json.loads(json.dumps(found.to_json())), "x") == found


@pytest.mark.parametrize("body", [[], {}, {"format": "mlxk-bench/1"}, {"format": "mlxk-bench/2"}])
def test_a_file_that_is_no_report_is_named(body: object) -> None:
    with pytest.raises(InvalidRequest, match=r"old\.json"):
        BenchmarkReport.from_json(body, "old.json")


def test_only_cells_of_both_are_compared() -> None:
    new = report([[timing(1.0, 1.0)]], [[timing(1.0, 1.0, prompt=900)]])
    old = report([[timing(2.0, 4.0, prompt=105)]], [[timing(1.0, 1.0), timing(1.0, 1.0)]])
    (only,) = compare(new, old)
    assert (only.prompt_tokens, only.batch, only.decode, only.first_token) == (100, 1, 4.0, 0.5)
    assert only.prefill == pytest.approx(100 / 52.5)


def cell(tokens: int, memory: int = 7, rate: float = 1.0, batch: int = 1) -> Measurement:
    spread = Spread(rate, rate, rate)
    return Measurement(tokens, batch, 10, spread, spread, spread, memory)


def of(*cells: Measurement, revision: str | None = None) -> BenchmarkReport:
    return BenchmarkReport("m", revision, "2026-01-01T00:00:00Z", {"mlx": "1"}, cells)


def test_a_report_keeps_its_revision() -> None:
    assert BenchmarkReport.from_json(of(revision="abc").to_json(), "x").revision == "abc"


@pytest.mark.parametrize(
    ("new", "old", "same"), [(110, 100, True), (90, 100, True), (111, 100, False), (89, 100, False)]
)
def test_prompts_within_a_tenth_of_the_older_one_are_the_same_cell(new: int, old: int, same: bool) -> None:
    assert bool(compare(of(cell(new)), of(cell(old)))) is same


def test_memory_is_compared_new_over_old() -> None:
    (only,) = compare(of(cell(100, memory=30)), of(cell(100, memory=20)))
    assert only.memory == 1.5


@pytest.mark.parametrize(("new", "old", "ratio"), [(3.0, 0.0, math.inf), (0.0, 0.0, 1.0), (0.0, 2.0, 0.0)])
def test_a_ratio_to_nothing_is_infinite_and_of_nothing_to_nothing_one(new: float, old: float, ratio: float) -> None:
    (only,) = compare(of(cell(100, rate=new)), of(cell(100, rate=old)))
    assert (only.prefill, only.decode, only.first_token) == (ratio, ratio, ratio)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompts": ()}, "--prompt-tokens takes 1 to 16 numbers, got 0"),
        ({"prompts": (2**24 + 1,)}, "--prompt-tokens must be from 16 to 16,777,216, got 16,777,217"),
        ({"batches": (1, 257)}, "--batch must be from 1 to 256, got 257"),
        ({"answer": 2**20 + 1}, "--answer-tokens must be from 2 to 1,048,576, got 1,048,577"),
        ({"runs": 101}, "--runs must be from 1 to 100, got 101"),
    ],
)
def test_a_plan_out_of_bounds_is_refused_with_the_bounds(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BenchmarkPlan(**values)
    assert caught.value.message == message


def test_the_bounds_themselves_are_allowed() -> None:
    widest = BenchmarkPlan((16, 2**24), tuple(range(1, 17)), 2**20, 100)
    assert BenchmarkPlan((16,), (1, 256), 2, 1).runs == 1
    assert len(widest.batches) == 16


def test_a_prompt_that_just_fits_stays() -> None:
    assert BenchmarkPlan((128, 600), answer=100).fitted(700, chosen=True).prompts == (128, 600)


@pytest.mark.parametrize(("context", "room"), [(700, 600), (50, 0)])
def test_a_plan_that_does_not_fit_is_told_what_would(context: int, room: int) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        BenchmarkPlan((2048,), answer=100).fitted(context, chosen=True)
    assert caught.value.hint == f"measure prompts of at most {room:,} tokens, or shorter answers"
    assert caught.value.detail == {"largest_prompt": room}
