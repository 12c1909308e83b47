"""Figures: buckets, bounded labels, the text format; and what is counted of an answer on its way out."""

from __future__ import annotations

import pytest

from application.serving.measured import MeasuredStream
from application.serving.meter import DURATION, FIRST, GAP, WAITING, Meter
from domain.errors import EngineDied
from domain.inference import Finished, FinishReason, GenerationEvent, PromptProgress, TextDelta, Usage
from domain.serving.metrics import MOST_NAMES, Histogram, MetricFamily, Names, Sample, gauge, summed
from entrypoints.http.presenters.exposition import present_metrics
from tests.support.fakes.event_worker import REPORT

END = Finished(FinishReason.STOP, Usage(3, 4), REPORT)


def test_a_bucket_counts_what_is_up_to_its_bound() -> None:
    histogram = Histogram((0.1, 1.0))
    for value in (0.05, 0.1, 0.2, 1.0, 7.0):
        histogram.add(value)
    told = [(sample.suffix, dict(sample.labels), sample.value) for sample in histogram.samples((("model", "m"),))]
    assert told == [
        ("_bucket", {"model": "m", "le": "0.1"}, 2),
        ("_bucket", {"model": "m", "le": "1"}, 4),
        ("_bucket", {"model": "m", "le": "+Inf"}, 5),
        ("_sum", {"model": "m"}, pytest.approx(8.35)),
        ("_count", {"model": "m"}, 5),
    ]


def test_histograms_add_up() -> None:
    one, other = Histogram((1.0,)), Histogram((1.0,))
    one.add(0.5)
    other.add(2.0)
    one.add_all(other)
    assert (one.counts, one.total) == ([1, 1], 2.5)


def test_however_many_models_there_are_labels_are_few() -> None:
    names = Names()
    told = {names.of(f"org/{number}") for number in range(10 * MOST_NAMES)}
    assert len(told) == MOST_NAMES + 1
    assert names.of("org/0") == "org/0"
    assert names.of("org/9999") == "other"


def test_one_value_for_each_set_of_labels() -> None:
    assert dict(summed([((("model", "a"),), 1), ((("model", "b"),), 2), ((("model", "a"),), 3)])) == {
        (("model", "a"),): 4,
        (("model", "b"),): 2,
    }


def test_the_text_format_escapes_what_a_name_may_hold() -> None:
    family = gauge("mlxk_x", "two\nlines \\", [((("model", 'a"b\\c\nd'),), 1.5), ((), 2)])
    assert present_metrics([family]) == (
        '# HELP mlxk_x two\\nlines \\\\\n# TYPE mlxk_x gauge\nmlxk_x 2\nmlxk_x{model="a\\"b\\\\c\\nd"} 1.5\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("inf"), "+Inf"), (float("-inf"), "-Inf"), (float("nan"), "NaN"), (3.0, "3"), (1e-9, "1e-09")],
)
def test_numbers_are_spelled_as_the_format_wants(value: float, text: str) -> None:
    family = MetricFamily("m", gauge("m", "", []).kind, "", (Sample(value),))
    assert present_metrics([family]).splitlines()[-1] == f"m {text}"


# Answers


class Told:
    """A stream of events, each at its moment; an error is raised."""

    def __init__(self, clock: list[float], *moments: tuple[float, GenerationEvent | EngineDied]) -> None:
        self._clock = clock
        self._moments = iter(moments)
        self.cancelled = 0

    def __iter__(self) -> Told:
        return self

    def __next__(self) -> GenerationEvent:
        moment, event = next(self._moments)
        self._clock[0] = moment
        if isinstance(event, EngineDied):
            raise event
        return event

    def next_within(self, seconds: float | None) -> GenerationEvent:
        return next(self)

    def cancel(self) -> None:
        self.cancelled += 1


def measured(
    *moments: tuple[float, GenerationEvent | EngineDied], streamed: bool = True
) -> tuple[Meter, MeasuredStream[GenerationEvent], Told]:
    clock = [0.0]
    meter = Meter(lambda: clock[0])
    told = Told(clock, *moments)
    meter.answer_began("m")
    return meter, MeasuredStream(told, meter, "m", 0.0, streamed=streamed), told


def value(meter: Meter, name: str, suffix: str = "", **labels: str) -> float | None:
    for family in meter.families():
        for sample in family.samples:
            if (family.name, sample.suffix) == (name, suffix) and labels.items() <= dict(sample.labels).items():
                return sample.value
    return None


def test_the_first_piece_and_the_gaps_between_pieces_are_timed() -> None:
    meter, stream, _ = measured((0.5, TextDelta("a")), (0.6, TextDelta("b")), (0.9, TextDelta("c")), (2.0, END))
    assert len(list(stream)) == 4
    assert (value(meter, FIRST, "_sum"), value(meter, FIRST, "_count")) == (0.5, 1)
    assert value(meter, GAP, "_count") == 2, "the end is no piece"
    assert value(meter, GAP, "_sum") == pytest.approx(0.4)
    assert value(meter, DURATION, "_sum") == 2.0
    assert value(meter, WAITING, "_sum") == REPORT.waiting_seconds
    assert value(meter, "mlxk_answers_total", outcome="stop") == 1
    assert value(meter, "mlxk_requests_running") == 0


def test_an_answer_that_comes_after_another_is_timed_from_its_own_beginning() -> None:
    clock = [5.0]
    meter = Meter(lambda: clock[0])
    meter.answer_began("m")
    stream = MeasuredStream(Told(clock, (9.5, TextDelta("a")), (11.0, END)), meter, "m", 3.0, streamed=True)
    clock[0] = 9.0
    list(stream)
    assert value(meter, FIRST, "_sum") == 2.0 + 0.5, "two seconds of loading, and its own"
    assert value(meter, DURATION, "_sum") == 4.0


def test_how_far_a_prompt_is_read_is_no_piece() -> None:
    meter, stream, _ = measured((0.1, PromptProgress(1, 2)), (3.0, TextDelta("a")), (4.0, END))
    list(stream)
    assert value(meter, FIRST, "_sum") == 3.0


def test_the_pieces_of_a_whole_answer_are_not_timed() -> None:
    meter, stream, _ = measured((0.5, TextDelta("a")), (0.5, TextDelta("b")), (0.5, END), streamed=False)
    list(stream)
    assert value(meter, GAP, "_count") is None
    assert value(meter, DURATION, "_count") == 1


def test_long_answers_are_told_of_before_they_end() -> None:
    meter, stream, _ = measured((0.5, TextDelta("a")), (1.0, TextDelta("b")), (9.0, TextDelta("c")), (9.5, END))
    for _ in range(3):
        next(stream)
    assert (value(meter, FIRST, "_count"), value(meter, GAP, "_count")) == (1, 2)
    list(stream)
    assert (value(meter, FIRST, "_count"), value(meter, GAP, "_count")) == (1, 2)


def test_an_answer_that_fails_or_is_cancelled_is_counted_once() -> None:
    meter, stream, _ = measured((0.5, TextDelta("a")), (1.0, EngineDied("gone")))
    next(stream)
    with pytest.raises(EngineDied):
        next(stream)
    stream.cancel()
    assert value(meter, "mlxk_answers_total", outcome="engine_died") == 1
    assert value(meter, "mlxk_answers_total", outcome="cancelled") is None
    assert value(meter, "mlxk_requests_running") == 0
    meter, stream, told = measured((0.5, TextDelta("a")))
    next(stream)
    stream.cancel()
    stream.cancel()
    assert list(stream) == []
    assert told.cancelled == 2
    assert value(meter, "mlxk_answers_total", outcome="cancelled") == 1
    assert value(meter, "mlxk_requests_running") == 0
