"""The loaded models: one worker process each, within one memory budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

from application.inference.answering import never
from application.serving.clock import Clock, SteadyClock
from application.serving.departures import Departures
from application.serving.loading import Allowance, Loader
from application.serving.pool_values import Beside, Waiting
from application.serving.replay import E, ReplayingStream
from application.serving.seat import Seat, SeatState
from application.serving.standings import standings
from application.serving.table import Table, Ticket
from application.serving.whole_answer import Asking, T, nobody_waits, whole_answer
from domain.errors import Conflict, EngineDied, Interrupted, MlxkError
from domain.inference import GenerationRequest
from domain.serving.model_load import ModelLoad
from domain.serving.prompt_explanation import PromptExplanation
from domain.serving.standing import ModelStanding
from ports.model_worker import LoadedModel, ModelWorker, PatientEvents, PatientStream, WorkerLauncher

__all__ = ["ModelPool", "never"]


class ModelPool:
    """Loads a model on first use, shares its worker, restarts it when it dies, makes room for the next, and lets models
    go that nobody asks for.

    Thread-safe; one lock guards all seats (application/serving/table.py has the rules of the table). Loading and
    closing happen outside it.
    """

    def __init__(self, launcher: WorkerLauncher, budget_bytes: int, clock: Clock | None = None) -> None:
        self._launcher = launcher
        self._table = Table(budget_bytes, clock or SteadyClock())
        self._changed = self._table.changed
        self._loader = Loader(launcher, self._table)
        self._departures = Departures(self._table)

    def stream(
        self, load: ModelLoad, request: GenerationRequest, *, streamed: bool, **waiting: Unpack[Waiting]
    ) -> PatientStream:
        """Answer a request. Blocks and raises as `events` does."""
        return self.events(load, lambda worker: worker.generate(request), streamed=streamed, **waiting)

    def events(
        self,
        load: ModelLoad,
        ask: Callable[[ModelWorker], PatientEvents[E]],
        *,
        streamed: bool,
        given_up: Callable[[], bool] = never,
        allowance: Allowance | None = None,
        joining: bool = False,
    ) -> PatientEvents[E]:
        """The events of what a worker is asked; blocks while the model is loaded. The consumer reads to the end or
        cancels. given_up: asked whenever `wake` is called while the request waits; the one that loads the model is not
        waiting. allowance: the
        memory that a load may take, asked when there is room for it; None leaves what its options say. joining: the
        consumer has another stream of this model and waits for both: it is let in as long as that one has a place.

        Raises ModelLoadFailed (also for a while after it has failed, as long as the files are the same), EngineDied
        (the worker died while loading), ModelSuspended (it has died too often), InsufficientMemory (pinned models leave
        no room), ServerShutdown, Interrupted (given up).
        """
        seat = self._take(self._table.ticket(load, joining=joining), given_up, allowance)
        return ReplayingStream(
            seat, ask, streamed=streamed, live_worker=self._loader.live_worker, release=self._release
        )

    def ask(
        self,
        load: ModelLoad,
        question: Asking[T],
        *,
        given_up: Callable[[], bool] = never,
        allowance: Allowance | None = None,
    ) -> tuple[T, LoadedModel]:
        """A whole answer, and who gave it. given_up: asked meanwhile too. Raises as `stream` and the question do."""
        seat, live = self._take(self._table.ticket(load), given_up, allowance), self._loader.live_worker
        return whole_answer(seat, question, live_worker=live, release=self._release, given_up=given_up)

    def preload(
        self,
        load: ModelLoad,
        *,
        pinned: bool | None = None,
        given_up: Callable[[], bool] = never,
        allowance: Allowance | None = None,
    ) -> LoadedModel:
        """Load a model ahead of its first request. pinned: from now on, until it leaves; None leaves that as it is.
        Raises as `stream` does.
        """
        seat = self._take(self._table.ticket(load), given_up, allowance)
        try:
            loaded = self._loader.live_worker(seat).loaded
            if pinned is not None:
                with self._changed:
                    seat.pinned = pinned
                    self._table.tell_first()
            return loaded
        finally:
            self._release(seat)

    def unload(self, model_identity: str, *, force: bool = False, given_up: Callable[[], bool] = never) -> bool:
        """End a model, however it was loaded, and wait until its memory is back; False when it was not loaded. Running
        answers finish first; force: they end with EngineDied. Requests that come meanwhile load it again afterwards.

        Raises Interrupted when nobody waits any more (it leaves all the same), ServerShutdown.
        """
        with self._changed:
            told = [seat for seat in self._table.seats.values() if seat.load.model.identity == model_identity]
            for seat in told:
                seat.unwanted = True
                self._departures.look_again(seat)
            self._table.tell_all()
        while True:
            for seat in self._expelled(told) if force else []:
                self._departures.dismiss(seat)
            with self._changed:
                if not any(self._table.seats.get(seat.load.identity) is seat for seat in told):
                    return bool(told)
                if given_up():
                    raise Interrupted(f"nobody waits for {told[0].load.model.name} to leave any more")
                if not (force and any(seat.state is SeatState.READY for seat in told)):
                    self._table.clock.wait(self._changed, None)

    def explain(self, load: ModelLoad, request: GenerationRequest) -> PromptExplanation:
        """What the model remembers of a prompt; it stays as long as it is asked. Loads nothing and is no use that keeps
        a model from leaving first. Raises Conflict when it is not loaded, and what ModelWorker.explain does.
        """
        with self._changed:
            seat = self._table.seats.get(load.identity)
            worker = None if seat is None or not seat.open or seat.state is not SeatState.READY else seat.living_worker
            if seat is None or worker is None:
                raise Conflict(
                    f"{load.model.name} is not loaded, so it remembers nothing", hint="ask it something first",
                    param="model",
                )  # fmt: skip
            seat.users += 1
        try:
            return worker.explain(request)
        finally:
            self._release(seat)

    def revive(self) -> None:
        """Start workers again that died and that nobody asks for anything. Blocks; raises what a launch does, once the
        others have had their turn.
        """
        with self._changed:
            ready = [seat for seat in self._table.seats.values() if seat.state is SeatState.READY and seat.open]
            dead = [seat for seat in ready if seat.living_worker is None]
            for seat in dead:
                seat.users += 1
        faults: list[MlxkError] = []
        for seat in dead:
            try:
                self._loader.live_worker(seat)
            except MlxkError as fault:
                faults.append(fault)
            finally:
                self._release(seat)
        if faults:
            raise faults[0]

    def wake(self) -> None:
        """Let waiting requests look again whether they were given up."""
        with self._changed:
            self._table.tell_all()

    def loaded(self) -> tuple[LoadedModel, ...]:
        """The models that are ready now, with a living worker."""
        with self._changed:
            workers = [seat.living_worker for seat in self._table.seats.values() if seat.state is SeatState.READY]
        return tuple(worker.loaded for worker in workers if worker is not None)

    def loads(self) -> tuple[ModelLoad, ...]:
        """As `loaded`, by how they were brought in; without those that must leave."""
        with self._changed:
            seats = [seat for seat in self._table.seats.values() if seat.state is SeatState.READY and seat.open]
            return tuple(seat.load for seat in seats if seat.living_worker is not None)

    def holds(self, load: ModelLoad) -> bool:
        """Whether it is loaded, or being loaded, and stays."""
        with self._changed:
            seat = self._table.seats.get(load.identity)
            return seat is not None and seat.open

    def standing(self) -> tuple[ModelStanding, ...]:
        """How every model stands that is loaded or was. Cheap."""
        with self._changed:
            return standings(self._table)

    @property
    def reclaimable_bytes(self) -> int:
        """What the loaded models would give back for another one."""
        with self._changed:
            movable = [seat for seat in self._table.seats.values() if not seat.pinned]
            return sum(seat.living_worker.loaded.memory_bytes for seat in movable if seat.living_worker is not None)

    def beside(self, load: ModelLoad) -> Beside:
        """What loading this would leave beside it."""
        with self._changed:
            leaving = {seat.load.identity for seat in self._table.must_leave(load)}
            others = {key: seat.living_worker for key, seat in self._table.seats.items() if key != load.identity}
        held = {key: worker.loaded.memory_bytes for key, worker in others.items() if worker is not None}
        leaving_bytes = sum(size for identity, size in held.items() if identity in leaving)
        return Beside(leaving_bytes, sum(held.values()) - leaving_bytes)

    @property
    def waiting(self) -> int:
        """Requests in line for room."""
        return len(self._table.line)

    def in_use(self, load: ModelLoad) -> bool:
        """Whether requests for it run or wait."""
        with self._changed:
            seat = self._table.seats.get(load.identity)
            return seat is not None and seat.users > 0

    def close(self) -> None:
        """End every worker; requests that still run raise EngineDied, new ones ServerShutdown. Idempotent."""
        with self._changed:
            self._table.closed = True
            seats = list(self._table.seats.values())
            for seat in seats:
                seat.state = SeatState.LEAVING
            self._table.tell_all()
            self._table.seats.clear()
            self._table.alarm.notify_all()
        for seat in seats:
            if seat.worker is not None:
                seat.worker.close()
        self._launcher.close()

    def _take(self, ticket: Ticket, given_up: Callable[[], bool], allowance: Allowance | None) -> Seat:
        """The model's seat, ready, with one more user."""
        load = ticket.load
        seat: Seat | None = None
        try:
            while seat is None:
                if given_up():
                    raise nobody_waits(load)
                with self._changed:
                    seat, leaving = self._table.sit_down(ticket)
                for each in leaving:
                    self._departures.dismiss(each)
        finally:
            with self._changed:
                if seat is None and ticket.trial:
                    self._table.records.of(load).trial_over(alive=False)
                self._table.leave_line(ticket)
        return self._loaded(seat, given_up, allowance)

    def _loaded(self, seat: Seat, given_up: Callable[[], bool], allowance: Allowance | None) -> Seat:
        """Wait until the seat is ready; its first user loads it."""
        with self._changed:
            first = seat.state is SeatState.LOADING and not seat.claimed
            seat.claimed = True
        try:
            if first:
                self._loader.load(seat, allowance)
            with self._changed:
                seat.news.wait_for(lambda: seat.state is not SeatState.LOADING or given_up())
                if seat.state is SeatState.READY:
                    return seat
                raise nobody_waits(seat.load) if seat.state is SeatState.LOADING else seat.gone
        except BaseException:
            self._release(seat)
            raise

    def _release(self, seat: Seat, *, answered: bool = False) -> None:
        """One user less. answered: it got all of its answer."""
        with self._changed:
            seat.users -= 1
            if not seat.users:
                seat.idle_since = self._table.clock.now()
            self._loader.mourn(seat)
            record = self._table.records.of(seat.load)
            if seat.trial:
                self._table.end_trial(seat)
                self._table.tell_all()
            elif answered and seat.living_worker is not None:
                record.breaker = record.breaker.answered()
            self._departures.look_again(seat)
            if not seat.users:
                self._table.tell_first()

    def _expelled(self, seats: list[Seat]) -> list[Seat]:
        """Those that are ready, with their users' requests at an end."""
        with self._changed:
            ready = [seat for seat in seats if seat.state is SeatState.READY]
            for seat in ready:
                seat.state = SeatState.LEAVING
                seat.failure = EngineDied(f"{seat.load.model.name} was unloaded", hint="ask again to load it")
            self._table.tell_all()
            return ready
