"""The loaded models: one worker process each, within one memory budget."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answering import never
from application.serving.replay import ReplayingStream
from application.serving.seat import Seat, SeatState
from domain.errors import Conflict, InternalError, Interrupted, MlxkError, ServerShutdown
from domain.inference import GenerationRequest
from domain.serving.model_load import ModelLoad
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.residency import Resident, room_for
from ports.model_worker import LoadedModel, ModelWorker, PatientStream, WorkerLauncher

__all__ = ["ModelPool", "never"]


@dataclass(frozen=True, slots=True)
class Beside:
    """leaving_bytes: what models that must leave for another give back. staying_bytes: what the others hold on to."""

    leaving_bytes: int
    staying_bytes: int


class ModelPool:
    """Loads a model on first use, shares its worker, restarts it when it dies, and makes room for the next.

    Thread-safe; one condition guards all seats. Requests for a loaded model go straight to it. A model that does not
    fit beside the others waits in line until those that must leave have finished their answers; meanwhile these take
    no new ones, so that nobody starves. Loading and closing happen outside the lock.
    """

    def __init__(self, launcher: WorkerLauncher, budget_bytes: int) -> None:
        self._launcher = launcher
        self._budget_bytes = budget_bytes
        self._changed = threading.Condition()
        self._seats: dict[str, Seat] = {}
        self._line: deque[object] = deque()
        self._closed = False
        self._uses = 0

    def stream(
        self,
        load: ModelLoad,
        request: GenerationRequest,
        *,
        streamed: bool,
        given_up: Callable[[], bool] = never,
    ) -> PatientStream:
        """Answer a request; blocks while the model is loaded. The consumer reads to the end or cancels. given_up: asked
        whenever `wake` is called while the request waits; the one that loads the model is not waiting.

        Raises ModelLoadFailed, EngineDied (the worker died while loading), ServerShutdown, Interrupted (given up).
        """
        seat = self._take(load, given_up)
        return ReplayingStream(seat, request, streamed=streamed, live_worker=self._live_worker, release=self._release)

    def preload(self, load: ModelLoad) -> LoadedModel:
        """Load a model ahead of its first request. Raises as `stream` does."""
        seat = self._take(load, never)
        try:
            return self._live_worker(seat).loaded
        finally:
            self._release(seat)

    def explain(self, load: ModelLoad, request: GenerationRequest) -> PromptExplanation:
        """What the model remembers of a prompt; it stays as long as it is asked. Loads nothing and is no use that keeps
        a model from leaving first. Raises Conflict when it is not loaded, and what ModelWorker.explain does.
        """
        with self._changed:
            seat = self._seats.get(load.identity)
            worker = None if seat is None or seat.draining or seat.state is not SeatState.READY else seat.worker
            if seat is None or worker is None or not worker.alive:
                raise Conflict(
                    f"{load.model.name} is not loaded, so it remembers nothing", hint="ask it something first",
                    param="model",
                )  # fmt: skip
            seat.users += 1
        try:
            return worker.explain(request)
        finally:
            self._release(seat)

    def wake(self) -> None:
        """Let waiting requests look again whether they were given up."""
        with self._changed:
            self._changed.notify_all()

    def loaded(self) -> tuple[LoadedModel, ...]:
        """The models that are ready now, with a living worker."""
        with self._changed:
            workers = [seat.worker for seat in self._seats.values() if seat.state is SeatState.READY]
        return tuple(worker.loaded for worker in workers if worker is not None and worker.alive)

    def loads(self) -> tuple[ModelLoad, ...]:
        """As `loaded`, by how they were brought in; without those that must leave for another."""
        with self._changed:
            seats = [seat for seat in self._seats.values() if seat.state is SeatState.READY and not seat.draining]
            return tuple(seat.load for seat in seats if seat.worker is not None and seat.worker.alive)

    def holds(self, load: ModelLoad) -> bool:
        """Whether it is loaded, or being loaded."""
        with self._changed:
            return load.identity in self._seats

    @property
    def reclaimable_bytes(self) -> int:
        """What the loaded models would give back for another one."""
        return sum(loaded.memory_bytes for loaded in self.loaded())

    def beside(self, load: ModelLoad) -> Beside:
        """What loading this would leave beside it."""
        with self._changed:
            leaving = {seat.load.identity for seat in self._must_leave(load.need_bytes)}
            workers = [(identity, seat.worker) for identity, seat in self._seats.items() if seat.worker is not None]
        held = {identity: worker.loaded.memory_bytes for identity, worker in workers if worker.alive}
        leaving_bytes = sum(size for identity, size in held.items() if identity in leaving)
        return Beside(leaving_bytes, sum(held.values()) - leaving_bytes)

    @property
    def waiting(self) -> int:
        """Requests in line for room."""
        return len(self._line)

    def in_use(self, load: ModelLoad) -> bool:
        """Whether requests for it run or wait."""
        with self._changed:
            seat = self._seats.get(load.identity)
            return seat is not None and seat.users > 0

    def close(self) -> None:
        """End every worker; requests that still run raise EngineDied, new ones ServerShutdown. Idempotent."""
        with self._changed:
            self._closed = True
            seats = list(self._seats.values())
            self._seats.clear()
            for seat in seats:
                seat.state = SeatState.LEAVING
            self._changed.notify_all()
        for seat in seats:
            if seat.worker is not None:
                seat.worker.close()
        self._launcher.close()

    def _live_worker(self, seat: Seat) -> ModelWorker:
        return seat.live_worker(self._launcher.launch)

    def _take(self, load: ModelLoad, given_up: Callable[[], bool]) -> Seat:
        """The model's seat, ready, with one more user."""
        ticket = object()
        try:
            while True:
                if given_up():
                    raise _given_up(load)
                with self._changed:
                    seat, leaving = self._sit_down(ticket, load)
                if seat is not None:
                    return self._loaded(seat, given_up)
                for each in leaving:
                    self._dismiss(each)
        finally:
            with self._changed:
                if ticket in self._line:
                    if self._line[0] is ticket:
                        self._nobody_must_leave()
                    self._line.remove(ticket)
                self._changed.notify_all()

    def _sit_down(self, ticket: object, load: ModelLoad) -> tuple[Seat | None, list[Seat]]:
        """One look at the table, under the lock: a seat, or idle seats the caller must dismiss; waits when neither."""
        if self._closed:
            raise ServerShutdown("the server is stopping")
        seat = self._seats.get(load.identity)
        if seat is not None and not seat.draining and seat.state is not SeatState.LEAVING:
            self._use(seat)
            return seat, []
        if ticket not in self._line:
            self._line.append(ticket)
        if seat is None and self._line[0] is ticket:
            leaving = self._must_leave(load.need_bytes)
            if not leaving:
                seat = self._seats[load.identity] = Seat(load, self._changed)
                self._use(seat)
                return seat, []
            idle = [each for each in leaving if each.users == 0 and each.state is SeatState.READY]
            self._nobody_must_leave()
            for each in leaving:
                each.draining = True
            for each in idle:
                each.state = SeatState.LEAVING
            if idle:
                return None, idle
        self._changed.wait()
        return None, []

    def _nobody_must_leave(self) -> None:
        for seat in self._seats.values():
            seat.draining = False

    def _must_leave(self, need_bytes: int) -> list[Seat]:
        table = [
            Resident(identity, seat.load.need_bytes, seat.last_used, busy=seat.users > 0)
            for identity, seat in self._seats.items()
        ]
        return [self._seats[each.identity] for each in room_for(need_bytes, self._budget_bytes, table)]

    def _use(self, seat: Seat) -> None:
        self._uses += 1
        seat.last_used = self._uses
        seat.users += 1

    def _release(self, seat: Seat) -> None:
        with self._changed:
            seat.users -= 1
            self._changed.notify_all()

    def _loaded(self, seat: Seat, given_up: Callable[[], bool]) -> Seat:
        """Wait until the seat is ready; its first user loads it."""
        with self._changed:
            first = seat.state is SeatState.LOADING and not seat.claimed
            seat.claimed = True
        if first:
            self._load(seat)
        with self._changed:
            self._changed.wait_for(lambda: seat.state is not SeatState.LOADING or given_up())
            if seat.state is SeatState.READY:
                return seat
            seat.users -= 1
            self._changed.notify_all()
            if seat.state is SeatState.LOADING:
                raise _given_up(seat.load)
        raise seat.failure or ServerShutdown("the server is stopping")

    def _load(self, seat: Seat) -> None:
        worker: ModelWorker | None = None
        failure: MlxkError | None = None
        try:
            worker = self._launcher.launch(seat.load.model, seat.load.options)
        except MlxkError as fault:
            failure = fault
        except BaseException as fault:
            failure = InternalError(f"loading {seat.load.model.name} failed: {fault}")
            raise
        finally:
            with self._changed:
                if seat.state is SeatState.LOADING:
                    seat.worker, seat.failure = worker, failure
                    seat.state = SeatState.FAILED if worker is None else SeatState.READY
                    if worker is None:
                        del self._seats[seat.load.identity]
                    worker = None
                self._changed.notify_all()
            if worker is not None:
                worker.close()

    def _dismiss(self, seat: Seat) -> None:
        """End an idle model's worker and free its place."""
        try:
            if seat.worker is not None:
                seat.worker.close()
        finally:
            with self._changed:
                if self._seats.get(seat.load.identity) is seat:
                    del self._seats[seat.load.identity]
                self._changed.notify_all()


def _given_up(load: ModelLoad) -> Interrupted:
    return Interrupted(f"nobody waits for the answer of {load.model.name} any more")
