"""`--report-output FILE`: a JSON line for every test, written as soon as its teardown is done.

Lines are added to what the file holds, so that several runs may share it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlxk import __version__
from tests.support.benchmark_facts import BenchmarkFacts

if TYPE_CHECKING:
    from benchmarks.reporting.health import Health
    from benchmarks.reporting.machine import Machine, SystemFacts
    from benchmarks.reporting.record import FinishedTest
    from benchmarks.reporting.sampling import TreeSampler


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("benchmark reports").addoption(
        "--report-output", metavar="FILE", help="add a JSON line about every test to this file"
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    from tests.plugins import report_hooks

    pluginmanager.add_hookspecs(report_hooks)


def pytest_configure(config: pytest.Config) -> None:
    target = config.getoption("--report-output")
    if target is None:
        return
    place = Path(target).absolute()  # a test may change the folder
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.open("ab").close()
    except OSError as fault:
        raise pytest.UsageError(f"--report-output {target}: {fault.strerror or fault}") from fault
    config.pluginmanager.register(Reporter(place), "benchmark-reporter")


@pytest.hookimpl(trylast=True)
def pytest_benchmark_machine() -> Machine:
    from benchmarks.reporting.machine import this_machine

    return this_machine()


@pytest.fixture
def benchmark_facts(record_property: Callable[[str, object], None]) -> BenchmarkFacts:
    """What a test tells of a model, its speed and its stop tokens."""
    return BenchmarkFacts(record_property)


def outcome_of(phases: Sequence[pytest.TestReport]) -> str:
    """Of setup, call and teardown together. What failed as expected counts as skipped, as pytest has it."""
    outcomes = {each.outcome for each in phases}
    return next((each for each in ("failed", "skipped") if each in outcomes), "passed")


@dataclass
class Running:
    """The test that runs now."""

    health: Health
    sampler: TreeSampler
    started: float = field(default_factory=time.time)
    begin: float = field(default_factory=time.monotonic)
    phases: list[pytest.TestReport] = field(default_factory=list)


class Reporter:
    """One at a time: pytest runs tests one after another. Only with --report-output."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._machine: Machine
        self._system: SystemFacts
        self._running: Running | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._machine = session.config.hook.pytest_benchmark_machine(config=session.config)
        self._system = self._machine.facts()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Health comes before the first fixture: a server that one starts is no fault of the machine's."""
        from benchmarks.reporting.machine import health
        from benchmarks.reporting.sampling import TreeSampler

        sampler = TreeSampler(self._machine.processes, os.getpid())
        self._running = Running(health(self._machine, os.getpid()), sampler)
        sampler.start()
        try:
            return (yield)
        finally:
            sampler.stop()
            self._running = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        if self._running is not None:
            self._running.sampler.look()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Sampling ends: what is being shut down says nothing of what it held."""
        if self._running is not None:
            self._running.sampler.look()
            self._running.sampler.stop()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Outermost, so that it sees what the other plugins made of a phase. Subtests come by here too."""
        report = yield
        running = self._running
        if running is None:
            return report
        running.phases.append(report)
        if report.when == "teardown":
            self._write(item, running, report)
        return report

    def _write(self, item: pytest.Item, running: Running, report: pytest.TestReport) -> None:
        """What cannot be written fails the test, in words."""
        from benchmarks.reporting import json_lines, record, schema

        ended = time.time()
        placed = record.place(item.user_properties, schema.current())
        if placed.faults:
            _fail(report, f"the benchmark report cannot hold {'; '.join(placed.faults)}")
        finished = self._finished(item, running, ended)
        try:
            json_lines.append(self._place, record.build(finished, placed))
        except OSError as fault:
            _fail(report, f"cannot write the benchmark report {self._place}: {fault.strerror or fault}")

    def _finished(self, item: pytest.Item, running: Running, ended: float) -> FinishedTest:
        from benchmarks.reporting import model_facts, sampling
        from benchmarks.reporting.record import FinishedTest

        fixtures = tuple(getattr(item, "fixturenames", ()))
        told = (getattr(item, "funcargs", None) or {}).get(model_facts.facts_fixture(fixtures) or "")
        return FinishedTest(
            name=item.nodeid,
            outcome=outcome_of(running.phases),
            started=running.started,
            ended=ended,
            seconds=time.monotonic() - running.begin,
            cleanup_seconds=running.phases[-1].duration,
            sense=model_facts.sense_of(fixtures),
            version=__version__,
            model=None if told is None else model_facts.model_facts(told),
            health=running.health,
            memory=sampling.memory_use(running.sampler.stop()),
            system=self._system,
        )


def _fail(report: pytest.TestReport, why: str) -> None:
    report.outcome = "failed"
    report.longrepr = why
