"""From the name of a model to the load that answers with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from application.catalog.inspect_model import InspectModel
from application.inference.answering import Resolver
from application.serving.memory_gate import MemoryGate
from application.serving.model_pool import ModelPool
from domain.catalog import ModelReport
from domain.errors import ModelLoadFailed
from domain.serving.load_plan import LoadPlan
from domain.serving.model_load import ModelLoad

RESOLUTION_SECONDS = 2.0
REMEMBERED_NAMES = 256


class ModelLoads:
    """Thread-safe. A name is looked up on the disk at most every RESOLUTION_SECONDS: requests come faster than models
    change. clock: monotonic seconds.
    """

    def __init__(
        self,
        resolve: Resolver,
        inspect: InspectModel,
        pool: ModelPool,
        gate: MemoryGate,
        clock: Callable[[], float],
    ) -> None:
        self.pool = pool
        self._resolve = resolve
        self._inspect = inspect
        self._gate = gate
        self._clock = clock
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, ModelReport]] = {}

    def look_up(self, spec: str) -> ModelReport:
        """Raises ModelNotFound, AmbiguousModel, InvalidRequest."""
        now = self._clock()
        with self._guard:
            found = self._known.get(spec)
        if found is not None and now - found[0] < RESOLUTION_SECONDS:
            return found[1]
        report = self._inspect.execute(self._resolve.execute(spec))
        with self._guard:
            if len(self._known) >= REMEMBERED_NAMES:
                self._known.clear()
            self._known[spec] = (now, report)
        return report

    @contextmanager
    def forgetting(self, spec: str) -> Iterator[None]:
        """After a failed load the next request looks at the folder afresh: it may have been mended."""
        try:
            yield
        except ModelLoadFailed:
            with self._guard:
                self._known.pop(spec, None)
            raise

    def admitted(
        self, report: ModelReport, plan: LoadPlan, tokens: int | None, *, force: bool
    ) -> tuple[ModelLoad, str | None]:
        """What is to be loaded, and a warning when it takes most of the memory. tokens: the length that was asked for.
        Raises InsufficientMemory.
        """
        need_bytes = report.size_bytes + plan.extra_bytes
        fingerprint = f"{report.size_bytes} {report.last_modified.isoformat()}"
        load = ModelLoad(report.location, need_bytes, plan.options, plan.keeping, fingerprint)
        if self.pool.holds(load):
            return load, None
        return load, self._gate.check(report, tokens, self.pool.reclaimable_bytes, force=force, plan=plan)

    def admit_sounds(self, report: ModelReport, load: ModelLoad, *, force: bool) -> None:
        """Raises InsufficientMemory where too little is free for a model to listen, be it loaded or not."""
        reclaimable_bytes = 0 if self.pool.holds(load) else self.pool.reclaimable_bytes
        self._gate.check_sounds(report, reclaimable_bytes, force=force)

    def allowance(self, *, force: bool) -> Callable[[ModelLoad], int | None]:
        """What ModelPool asks when there is room for a load."""
        return lambda load: self._gate.allowance(self.pool.beside(load), force=force)
