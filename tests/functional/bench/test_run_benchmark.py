"""Measuring a model whose speed is known."""

from __future__ import annotations

import pytest

from application.bench.run_benchmark import Progress
from domain.bench.plan import BenchmarkPlan
from domain.errors import ContextLengthExceeded
from domain.serving.load_wishes import LoadWishes
from tests.support.fakes.bench import MODEL, MeasuredChat, fake_benchmarks

PLAN = BenchmarkPlan(prompts=(50, 200), batches=(1, 3), answer=11, runs=2)


def test_it_finds_the_speed() -> None:
    report = fake_benchmarks(MeasuredChat()).execute("m", PLAN, chosen=True, progress=lambda _: None)
    assert [(each.prompt_tokens, each.batch) for each in report.measurements] == [(50, 1), (50, 3), (200, 1), (200, 3)]
    assert [each.decode_rate.median for each in report.measurements] == pytest.approx([100, 300, 100, 300])
    assert [each.prefill_rate.median for each in report.measurements] == pytest.approx([1000] * 4)
    assert (report.model, report.revision, report.environment) == (MODEL.name, MODEL.revision, {"mlx": "1.2.3"})


def test_every_prompt_is_another_and_answers_are_greedy_and_full_length() -> None:
    chat = MeasuredChat()
    fake_benchmarks(chat).execute("m", PLAN, chosen=True, progress=lambda _: None)
    assert len({request.messages for request in chat.requests}) == len(chat.requests)
    assert all(request.sampling.temperature == 0.0 and request.ignore_stops for request in chat.requests)


def test_each_cell_is_measured_as_often_as_asked_and_once_to_warm_up() -> None:
    chat = MeasuredChat()
    plan = BenchmarkPlan(prompts=(50,), batches=(3,), answer=11, runs=4)
    fake_benchmarks(chat).execute("m", plan, chosen=True, progress=lambda _: None)
    assert sum(request.limits.requested == 11 for request in chat.requests) == 3 * 5


def test_progress_names_each_cell_and_the_end() -> None:
    told: list[Progress] = []
    fake_benchmarks(MeasuredChat()).execute("m", PLAN, chosen=True, progress=told.append)
    assert [(each.done, each.total) for each in told] == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert told[-1].cell is None


def test_lengths_that_do_not_fit_are_refused_before_anything_is_asked() -> None:
    chat = MeasuredChat(context_length=100)
    with pytest.raises(ContextLengthExceeded):
        fake_benchmarks(chat).execute("m", PLAN, chosen=True, progress=lambda _: None)
    assert chat.requests == []


def test_wishes_for_loading_are_handed_on() -> None:
    chat = MeasuredChat()
    wishes = LoadWishes(force=True)
    fake_benchmarks(chat).execute("m", PLAN, chosen=True, loading=wishes, progress=lambda _: None)
    assert chat.loadings == [wishes]


def test_a_request_that_fails_ends_the_measuring_and_frees_the_others() -> None:
    chat = MeasuredChat()
    chat.fail_after = 4
    with pytest.raises(MemoryError):
        fake_benchmarks(chat).execute("m", PLAN, chosen=True, progress=lambda _: None)
    assert chat.cancelled >= 1
