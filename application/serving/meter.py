"""What a server counts of its requests while it answers them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping

from application.serving.live_counts import LiveCounts
from domain.inference import GenerationReport
from domain.serving.metrics import Histogram, Labels, MetricFamily, Names, counter, gauge, histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
SHORT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0)

FIRST, GAP, DURATION, WAITING, PREFILL, DECODE, LOAD = (
    "mlxk_time_to_first_token_seconds",
    "mlxk_inter_token_seconds",
    "mlxk_answer_seconds",
    "mlxk_queue_wait_seconds",
    "mlxk_prefill_seconds",
    "mlxk_decode_seconds",
    "mlxk_model_load_seconds",
)
HISTOGRAMS = {
    FIRST: ("From a request for a streamed answer to its first piece", SECONDS),
    GAP: ("Between two pieces of a streamed answer", SHORT_SECONDS),
    DURATION: ("From a request to the end of its answer, however it ended", SECONDS),
    WAITING: ("In the engine's queue, before the prompt was read", SECONDS),
    PREFILL: ("Reading the prompt, up to the first token", SECONDS),
    DECODE: ("From the first token to the last", SECONDS),
    LOAD: ("Bringing a model into memory, restarts included", SECONDS),
}


class Meter:
    """Thread-safe. clock: monotonic seconds. live: what is counted of live transcriptions. Models are told apart by
    their names, up to a number.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.live = LiveCounts()
        self._guard = threading.Lock()
        self._names = Names()
        self._running: Counter[str] = Counter()
        self._answers: Counter[tuple[str, str]] = Counter()
        self._load_failures: Counter[str] = Counter()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._rejected: Counter[str] = Counter()
        self._histograms: dict[str, dict[Labels, Histogram]] = {name: {} for name in HISTOGRAMS}

    def request(self, method: str, route: str, status: int) -> None:
        """One response over HTTP has begun. route: the rule that matched, never what the client wrote."""
        with self._guard:
            self._requests[method, route, status] += 1

    def rejected(self, code: str) -> None:
        """A request was turned away unanswered, though there was nothing wrong with it."""
        with self._guard:
            self._rejected[code] += 1

    def loaded(self, model: str, seconds: float, success: bool) -> None:
        with self._guard:
            if success:
                self._histogram(LOAD, model).add(seconds)
            else:
                self._load_failures[self._names.of(model)] += 1

    def answer_began(self, model: str) -> None:
        with self._guard:
            self._running[self._names.of(model)] += 1

    def answer_streams(self, model: str, first: float | None, gaps: Histogram) -> None:
        """first: seconds to the first piece, where that has just come. gaps: those since the last call."""
        with self._guard:
            if first is not None:
                self._histogram(FIRST, model).add(first)
            self._histogram(GAP, model).add_all(gaps)

    def answer_ended(self, model: str, how: str, seconds: float, report: GenerationReport | None) -> None:
        """how: the finish reason, `cancelled`, or the code of the error."""
        with self._guard:
            name = self._names.of(model)
            self._running[name] -= 1
            self._answers[name, how] += 1
            self._histogram(DURATION, model).add(seconds)
            if report is not None:
                self._histogram(WAITING, model).add(report.waiting_seconds)
                self._histogram(PREFILL, model).add(report.prefill_seconds)
                self._histogram(DECODE, model).add(report.decode_seconds)

    def label(self, model: str) -> Labels:
        with self._guard:
            return (("model", self._names.of(model)),)

    def families(self) -> list[MetricFamily]:
        with self._guard:
            requests = [
                ((("method", method), ("route", route), ("status", str(status))), count)
                for (method, route, status), count in self._requests.items()
            ]
            answers = [((("model", name), ("outcome", how)), count) for (name, how), count in self._answers.items()]
            return [
                counter("mlxk_http_requests_total", "Responses, by route and status", requests),
                counter(
                    "mlxk_requests_rejected_total", "Requests turned away, with nothing wrong with them",
                    _each("code", self._rejected),
                ),
                counter("mlxk_answers_total", "Answers, by how they ended", answers),
                gauge(
                    "mlxk_requests_running", "Requests that run or wait for their model", _each("model", self._running)
                ),
                counter(
                    "mlxk_model_load_failures_total", "Models that could not be loaded",
                    _each("model", self._load_failures),
                ),
                *(histogram(name, about, self._histograms[name]) for name, (about, _) in HISTOGRAMS.items()),
                *self.live.families(),
            ]  # fmt: skip

    def _histogram(self, name: str, model: str) -> Histogram:
        labels = (("model", self._names.of(model)),)
        of_name = self._histograms[name]
        if labels not in of_name:
            of_name[labels] = Histogram(HISTOGRAMS[name][1])
        return of_name[labels]


def _each(label: str, counts: Mapping[str, int]) -> list[tuple[Labels, float]]:
    return [(((label, value),), count) for value, count in counts.items()]
