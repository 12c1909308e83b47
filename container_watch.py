"""The bill of materials for what watches: the machine's memory, and a server's workers and requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from application.serving.measured import MeasuredPool
    from application.serving.meter import Meter
    from application.serving.model_pool import ModelPool
    from application.serving.read_metrics import ReadMetrics
    from application.serving.worker_watch import WatchTimes, WorkerWatch
    from ports.memory import MemoryProbe
    from ports.model_worker import WorkerLauncher


def memory_probe() -> MemoryProbe:
    from sys import platform

    from adapters.memory import memory_probe_for

    return memory_probe_for(platform)


def watch_times() -> WatchTimes:
    from time import monotonic

    from application.serving.worker_watch import WatchTimes

    return WatchTimes(monotonic)


def meter() -> Meter:
    from time import monotonic

    from application.serving.meter import Meter

    return Meter(monotonic)


def served_pool(launcher: WorkerLauncher, budget_bytes: int, watch: WorkerWatch, meter: Meter) -> MeasuredPool:
    """A pool whose workers are watched, and started again when they die while nobody asks them for anything."""
    from application.serving.measured import MeasuredPool
    from application.serving.watched_workers import WatchedLauncher

    pool = MeasuredPool(WatchedLauncher(launcher, watch, meter.loaded, meter.clock), budget_bytes)
    pool.take_times(meter)
    watch.revives_by(pool.revive)
    return pool


def read_metrics(meter: Meter, watch: WorkerWatch, pool: ModelPool) -> ReadMetrics:
    from os import getpid
    from sys import platform

    from adapters.memory import process_memory_for
    from application.serving.read_metrics import ReadMetrics

    return ReadMetrics(meter, watch, pool.standing, process_memory_for(platform), getpid())
