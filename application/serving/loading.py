"""Workers for seats: the first one, and new ones for those that died."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from application.serving.seat import Seat, SeatState
from application.serving.table import Table
from domain.errors import EngineDied, InternalError, MlxkError
from domain.serving.model_load import ModelLoad
from ports.model_worker import ModelWorker, WorkerLauncher

# What is known only when the others have left: called without the lock, right before the model is loaded.
Allowance = Callable[[ModelLoad], int | None]


class Loader:
    """Thread-safe. Blocks while a worker starts, outside the table's lock. Starts after deaths wait for the breaker's
    backoff; how each one went is written into the model's record.
    """

    def __init__(self, launcher: WorkerLauncher, table: Table) -> None:
        self._launcher = launcher
        self._table = table

    def load(self, seat: Seat, allowance: Allowance | None) -> None:
        """Give a new seat its worker; what went wrong is left in `seat.failure`."""
        worker: ModelWorker | None = None
        failure: MlxkError | None = None
        table = self._table
        try:
            if allowance is not None:
                seat.load = replace(seat.load, options=replace(seat.load.options, memory_bytes=allowance(seat.load)))
            worker = self._start(seat)
        except MlxkError as fault:
            failure = fault
        except BaseException as fault:
            failure = InternalError(f"loading {seat.load.model.name} failed: {fault}")
            raise
        finally:
            with table.changed:
                if seat.state is SeatState.LOADING:
                    seat.worker, seat.failure = worker, failure
                    if worker is None:
                        seat.state = SeatState.FAILED
                        table.remove(seat)
                    else:
                        seat.state = SeatState.READY
                        seat.ready_at = seat.idle_since = table.clock.now()
                        table.records.of(seat.load).loads += 1
                    worker = None
                seat.news.notify_all()
                table.tell_all()
            if worker is not None:
                worker.close()

    def live_worker(self, seat: Seat) -> ModelWorker:
        """The worker, started again first when it has died. One thread restarts it, the others wait for that.

        Raises ModelSuspended, and what a launch raises.
        """
        table = self._table
        with table.changed:
            seat.news.wait_for(lambda: not seat.restarting)
            worker = seat.worker
            if worker is not None and worker.alive:
                return worker
            self.mourn(seat)
            left = seat.state is not SeatState.READY
            seat.restarting = not left
        if left:
            if worker is not None:
                worker.close()
            raise seat.gone
        fresh: ModelWorker | None = None
        try:
            if worker is not None:
                worker.close()
            fresh = self._start(seat)
        finally:
            with table.changed:
                seat.restarting = False
                wanted = seat.state is SeatState.READY
                if fresh is not None:
                    table.records.of(seat.load).restarts += 1
                    if wanted:
                        seat.worker = fresh
                seat.news.notify_all()
                table.tell_all()
        if not wanted:
            fresh.close()
            raise seat.failure or EngineDied(f"the worker of {seat.load.model.name} was stopped while it started again")
        return fresh

    def mourn(self, seat: Seat) -> None:
        """Count its worker's death, once; under the lock. A model that has died too often leaves its seat."""
        worker = seat.worker
        if worker is None or worker.alive or worker is seat.mourned or seat.state is not SeatState.READY:
            return
        seat.mourned = worker
        self._count_death(seat)

    def _start(self, seat: Seat) -> ModelWorker:
        table, load = self._table, seat.load
        with table.changed:
            record = table.records.of(load)
            while seat.state in (SeatState.LOADING, SeatState.READY):
                pause = record.breaker.backoff_seconds(table.clock.now())
                if pause <= 0:
                    break
                table.clock.wait(seat.news, pause)
            else:
                raise seat.gone
        began = table.clock.now()
        try:
            worker = self._launcher.launch(load.model, load.options)
        except EngineDied:
            with table.changed:
                self._count_death(seat)
            raise
        except MlxkError as fault:
            with table.changed:
                record.failed(load, fault, table.clock.now())
            raise
        with table.changed:
            record.loaded(table.clock.now() - began)
        return worker

    def _count_death(self, seat: Seat) -> None:
        table = self._table
        record, now = table.records.of(seat.load), table.clock.now()
        record.breaker = record.breaker.died(now)
        if record.breaker.tripped and seat.state is SeatState.READY:
            seat.state = SeatState.FAILED
            seat.failure = record.suspended(record.breaker.suspended_seconds(now))
            table.remove(seat)
