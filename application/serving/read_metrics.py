"""Everything a server can tell in figures, now."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from application.serving.meter import Meter
from application.serving.worker_watch import WorkerHealth, WorkerWatch
from domain.serving.metrics import MetricFamily, Values, counter, gauge, summed
from domain.serving.standing import ModelStanding, ModelState
from domain.serving.vitals import EngineTotals, EngineVitals
from ports.process_memory import ProcessMemory

ANSWER_SECONDS = 0.25

TOTALS: tuple[tuple[str, str, Callable[[EngineTotals], int]], ...] = (
    ("mlxk_prompt_tokens_total", "Tokens of prompts that were read", lambda each: each.prompt_tokens),
    ("mlxk_cached_tokens_total", "Tokens of prompts that were remembered", lambda each: each.cached_tokens),
    ("mlxk_generated_tokens_total", "Tokens drawn", lambda each: each.generated_tokens),
    ("mlxk_engine_steps_total", "Steps of the engines", lambda each: each.steps),
    ("mlxk_prefix_cache_hits_total", "Prompts of which something was remembered", lambda each: each.hits),
    (
        "mlxk_prefix_cache_misses_total",
        "Prompts of which nothing was remembered, where prompts are",
        lambda each: each.lookups - each.hits,
    ),
    (
        "mlxk_prefix_guard_checks_total",
        "Comparisons of remembered caches with a fresh reading",
        lambda each: each.checks,
    ),
    ("mlxk_prefix_guard_differing_total", "Of those, the ones that differed", lambda each: each.differing),
)
PULSES: tuple[tuple[str, str, Callable[[EngineVitals], float]], ...] = (
    ("mlxk_batch_rows", "Answers that are being decoded", lambda each: each.pulse.running),
    ("mlxk_reading_rows", "Prompts that are being read or wait for it", lambda each: each.pulse.reading),
    ("mlxk_preparing_requests", "Requests before or in template and tokenizer", lambda each: each.preparing),
    ("mlxk_step_seconds", "What a step of the engine may take", lambda each: each.step_seconds),
    ("mlxk_worker_active_bytes", "MLX memory in use", lambda each: each.pulse.active_bytes),
    ("mlxk_worker_cache_bytes", "MLX memory freed and kept for reuse", lambda each: each.pulse.cache_bytes),
    ("mlxk_worker_peak_bytes", "The most MLX memory in use of late", lambda each: each.pulse.peak_bytes),
    ("mlxk_prefix_cache_bytes", "Remembered prompts in memory", lambda each: each.pulse.prefix_ram_bytes or 0),
)


class ReadMetrics:
    """Thread-safe. Asks the engines and waits for their answers, but for ANSWER_SECONDS at most: from those that are in
    the middle of a step come the figures of before. front_process_id: this process. standing: ModelPool.standing.
    """

    def __init__(
        self,
        meter: Meter,
        watch: WorkerWatch,
        standing: Callable[[], Sequence[ModelStanding]],
        memory: ProcessMemory,
        front_process_id: int,
    ) -> None:
        self._meter = meter
        self._watch = watch
        self._standing = standing
        self._memory = memory
        self._front_process_id = front_process_id

    def execute(self) -> tuple[MetricFamily, ...]:
        health = self._watch.fresh(ANSWER_SECONDS)
        return (
            *self._meter.families(),
            *self._of_models(self._standing()),
            *self._of_engines(health),
            *self._of_processes(health),
        )

    def _of_models(self, standings: Sequence[ModelStanding]) -> list[MetricFamily]:
        def each(value: Callable[[ModelStanding], float]) -> Values:
            return summed((self._meter.label(one.name), value(one)) for one in standings)

        loaded = sum(one.state in (ModelState.READY, ModelState.DRAINING) for one in standings)
        return [
            gauge("mlxk_models_loaded", "Models in memory", [((), loaded)]),
            gauge("mlxk_queue_length", "Requests in line for their model to come in", each(lambda one: one.waiting)),
            counter("mlxk_model_loads_total", "Times a model was brought in", each(lambda one: one.loads)),
            counter("mlxk_worker_restarts_total", "New workers for dead ones", each(lambda one: one.restarts)),
            gauge(
                "mlxk_model_suspended", "1 for a model whose worker died too often",
                each(lambda one: one.state is ModelState.SUSPENDED),
            ),
        ]  # fmt: skip

    def _of_engines(self, health: Sequence[WorkerHealth]) -> list[MetricFamily]:
        label = self._meter.label
        totals = [(label(name), of_model) for name, of_model in self._watch.totals().items()]
        vitals = [(label(each.name), each.vitals) for each in health if each.vitals is not None]
        disk_bytes = max((each.pulse.prefix_disk_bytes for _, each in vitals), default=0)
        return [
            *(counter(name, about, summed((at, of(each)) for at, each in totals)) for name, about, of in TOTALS),
            *(gauge(name, about, summed((at, of(each)) for at, each in vitals)) for name, about, of in PULSES),
            gauge("mlxk_prefix_cache_disk_bytes", "Remembered prompts on the disk, of all models", [((), disk_bytes)]),
            gauge(
                "mlxk_worker_stuck", "1 for a model with a worker that does not answer or has died",
                summed((label(each.name), each.trouble is not None) for each in health),
            ),
        ]  # fmt: skip

    def _of_processes(self, health: Sequence[WorkerHealth]) -> list[MetricFamily]:
        label = self._meter.label
        resident = self._memory.resident_bytes([self._front_process_id, *(each.process_id for each in health)])
        deaths = (
            ((*label(name), ("cause", cause.value)), count) for (name, cause), count in self._watch.deaths().items()
        )
        front = [((), resident[self._front_process_id])] if self._front_process_id in resident else []
        return [
            counter("mlxk_worker_deaths_total", "Workers that ended unasked, by cause", summed(deaths)),
            gauge(
                "mlxk_worker_resident_bytes", "Memory of a model's processes, as the system counts it",
                summed((label(each.name), resident.get(each.process_id, 0)) for each in health),
            ),
            gauge("mlxk_front_resident_bytes", "Memory of the serving process, as the system counts it", front),
        ]  # fmt: skip
