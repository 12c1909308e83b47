"""Figures for whoever watches a server, as families of samples."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isinf, isnan

MOST_NAMES = 64
OTHERS = "other"

Labels = tuple[tuple[str, str], ...]
Values = Iterable[tuple[Labels, float]]


class MetricKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    """suffix: what follows the family's name."""

    value: float
    labels: Labels = ()
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class MetricFamily:
    name: str
    kind: MetricKind
    about: str
    samples: tuple[Sample, ...]


@dataclass(slots=True)
class Histogram:
    """bounds: upper ends of the buckets, rising; one more bucket takes what is above. counts: of each by itself."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_all(self, other: Histogram) -> None:
        """other: of the same bounds."""
        for at, count in enumerate(other.counts):
            self.counts[at] += count
        self.total += other.total

    def samples(self, labels: Labels = ()) -> Iterable[Sample]:
        seen = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            yield Sample(seen, (*labels, ("le", spelled(bound))), "_bucket")
        yield Sample(self.total, labels, "_sum")
        yield Sample(seen, labels, "_count")


class Names:
    """At most MOST_NAMES values of a label, however many things are called; those that come later share one."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def of(self, name: str) -> str:
        if name not in self._known:
            if len(self._known) >= MOST_NAMES:
                return OTHERS
            self._known.add(name)
        return name


def counter(name: str, about: str, values: Values) -> MetricFamily:
    return MetricFamily(name, MetricKind.COUNTER, about, _each(values))


def gauge(name: str, about: str, values: Values) -> MetricFamily:
    return MetricFamily(name, MetricKind.GAUGE, about, _each(values))


def histogram(name: str, about: str, values: Mapping[Labels, Histogram]) -> MetricFamily:
    samples = tuple(sample for labels, each in sorted(values.items()) for sample in each.samples(labels))
    return MetricFamily(name, MetricKind.HISTOGRAM, about, samples)


def summed(pairs: Values) -> Values:
    """One value for each set of labels."""
    sums: dict[Labels, float] = {}
    for labels, value in pairs:
        sums[labels] = sums.get(labels, 0) + value
    return sums.items()


def spelled(value: float) -> str:
    """As Prometheus writes numbers."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _each(values: Values) -> tuple[Sample, ...]:
    return tuple(Sample(value, labels) for labels, value in sorted(values))
