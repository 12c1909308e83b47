"""Who sits where, who waits in line, and who must make room."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from application.serving.clock import Clock
from application.serving.model_record import ModelRecords
from application.serving.seat import Seat, SeatState
from domain.byte_size import readable_size
from domain.errors import InsufficientMemory, ServerShutdown
from domain.serving.model_load import ModelLoad
from domain.serving.residency import Resident, room_for
from domain.serving.switching import switch, switch_seconds, turn_ends

LONGEST_TRIAL_SECONDS = 5.0


@dataclass(eq=False, slots=True)
class Ticket:
    """A request in line for its model. news: the table's, for this one. trial: it was let in to try a suspended one.
    joining: it belongs to one that sits there already and waits for it, so it must not wait until that has left.
    """

    load: ModelLoad
    news: threading.Condition
    trial: bool = False
    joining: bool = False


class Table:
    """Every method is called with the lock of `changed` held. `alarm` shares it, for who watches over departures; so do
    the news of seats and of tickets: hundreds may be in line, and most of what happens is news for one of them.

    Requests for a loaded model sit down at once. A model that does not fit beside the others waits in line until those
    that must leave have had their turn and finished their answers; then they take no new ones, so that nobody starves.
    Who comes later overtakes only where that takes no room from those before. One switch at a time: nobody is sent away
    while another model is being loaded.
    """

    def __init__(self, budget_bytes: int, clock: Clock) -> None:
        self._lock = threading.RLock()
        self.changed = threading.Condition(self._lock)
        self.alarm = threading.Condition(self._lock)
        self.clock = clock
        self.seats: dict[str, Seat] = {}
        self.line: list[Ticket] = []
        self.records = ModelRecords()
        self.closed = False
        self._budget_bytes = budget_bytes
        self._uses = 0

    def ticket(self, load: ModelLoad, *, joining: bool = False) -> Ticket:
        return Ticket(load, threading.Condition(self._lock), joining=joining)

    def sit_down(self, ticket: Ticket) -> tuple[Seat | None, list[Seat]]:
        """One look: a seat with one more user, or idle seats the caller must dismiss; waits for news when neither.

        Raises ServerShutdown, InsufficientMemory (pinned models leave no room), and what ModelRecord.admit does.
        """
        if self.closed:
            raise ServerShutdown("the server is stopping")
        seat = self.seats.get(ticket.load.identity)
        if seat is not None:
            self._look_at_trial(seat)
        if not ticket.trial:
            ticket.trial = self.records.of(ticket.load).admit(ticket.load, self.clock.now())
        if seat is not None and (seat.open or (ticket.joining and seat.state is SeatState.READY and seat.users)):
            return self._use(seat), []
        if ticket not in self.line:
            self.line.append(ticket)
        if seat is not None or (ticket is not self._first and not self._fits_meanwhile(ticket)):
            self.clock.wait(ticket.news, None)
            return None, []
        return self._make_room(ticket)

    def end_trial(self, seat: Seat) -> None:
        """Others may come, if it lives."""
        seat.trial = False
        self.records.of(seat.load).trial_over(alive=seat.living_worker is not None)

    def leave_line(self, ticket: Ticket) -> None:
        """It has sat down, or nobody waits any more."""
        if ticket not in self.line:
            return
        if self._first is ticket:
            self._nobody_must_leave()
        self.line.remove(ticket)
        if ticket.load.identity not in self.seats:  # it gave up: others may find room
            self.tell_all()

    def must_leave(self, load: ModelLoad) -> list[Seat]:
        """Those that would make room for it, were it loaded now."""
        return [
            self.seats[each.identity] for each in room_for(load.need_bytes, self._budget_bytes, self._residents(load))
        ]

    def remove(self, seat: Seat) -> None:
        if self.seats.get(seat.load.identity) is seat:
            del self.seats[seat.load.identity]
        seat.news.notify_all()
        self.tell_all()

    def tell_all(self) -> None:
        """Who sits, or may sit, has changed: everybody looks again."""
        self.changed.notify_all()
        for news in (*(seat.news for seat in self.seats.values()), *(ticket.news for ticket in self.line)):
            news.notify_all()

    def tell_first(self) -> None:
        """A seat has become idle: news for whoever may send its model away."""
        first = self._first
        if first is not None:
            first.news.notify_all()

    @property
    def _first(self) -> Ticket | None:
        """Who may send others away. Those whose model is only just leaving wait for that, and hold up nobody."""
        return next((each for each in self.line if each.load.identity not in self.seats), None)

    def _make_room(self, ticket: Ticket) -> tuple[Seat | None, list[Seat]]:
        need, now = ticket.load.need_bytes, self.clock.now()
        verdict = switch(need, self._budget_bytes, self._residents(ticket.load), now)
        if verdict.too_large:
            raise self._no_room(ticket.load, verdict.too_large)
        others = [each for each in self.seats.values() if each.state is SeatState.LEAVING]
        if verdict.fits and not (others and self._used_bytes + need > self._budget_bytes):
            if ticket is self._first:
                self._nobody_must_leave()
            seat = self.seats[ticket.load.identity] = Seat(ticket.load, self._lock)
            seat.trial = ticket.trial
            self.tell_all()
            self.records.forget_some(frozenset(self.seats))
            return self._use(seat), []
        drained = [each for each in self.seats.values() if each.draining]
        self._nobody_must_leave()
        until = verdict.at
        if not any(each.state is SeatState.LOADING for each in self.seats.values()):
            leaving = [self.seats[each.identity] for each in verdict.leaving]
            for each in leaving:
                each.draining = True
            idle = [each for each in leaving if each.users == 0 and each.state is SeatState.READY]
            for each in idle:
                each.state = SeatState.LEAVING
            if idle:
                return None, idle
        if any(each.open for each in drained):
            self.tell_all()
        self.clock.wait(ticket.news, None if until is None else until - now)
        return None, []

    def _fits_meanwhile(self, ticket: Ticket) -> bool:
        """Whether there is room for it now, and still for those before it later."""
        first = self._first
        if first is None or self._used_bytes + ticket.load.need_bytes > self._budget_bytes:
            return False
        staying = self._used_bytes - sum(seat.load.need_bytes for seat in self.must_leave(first.load))
        before = {each.load.identity: each.load.need_bytes for each in self.line[: self.line.index(ticket)]}
        ahead = sum(need for identity, need in before.items() if identity not in self.seats)
        return staying + ahead + ticket.load.need_bytes <= self._budget_bytes

    @property
    def _used_bytes(self) -> int:
        return sum(seat.load.need_bytes for seat in self.seats.values())

    def _nobody_must_leave(self) -> None:
        for seat in self.seats.values():
            seat.draining = False

    def _residents(self, load: ModelLoad) -> list[Resident]:
        """Those who sit, as seen by one who would come: without itself, and without those that are leaving already."""
        coming = self.records.of(load).average_seconds
        return [
            self._resident(seat, coming)
            for identity, seat in self.seats.items()
            if identity != load.identity and seat.state is not SeatState.LEAVING
        ]

    def _resident(self, seat: Seat, coming: float | None) -> Resident:
        own = self.records.of(seat.load).average_seconds
        ends = turn_ends(seat.ready_at, None if seat.users else seat.idle_since, switch_seconds(own, coming))
        return Resident(
            seat.load.identity,
            seat.load.need_bytes,
            seat.last_used,
            busy=seat.users > 0,
            pinned=seat.pinned and not seat.unwanted,
            reload_seconds=own or 0.0,
            turn_ends=float("inf") if seat.state is SeatState.LOADING else 0.0 if seat.unwanted else ends,
        )

    def _look_at_trial(self, seat: Seat) -> None:
        """A trial that goes on for long keeps nobody out: the model lives."""
        if seat.trial and seat.living_worker and self.clock.now() - seat.ready_at >= LONGEST_TRIAL_SECONDS:
            self.end_trial(seat)

    def _use(self, seat: Seat) -> Seat:
        self._uses += 1
        seat.last_used = self._uses
        seat.users += 1
        return seat

    def _no_room(self, load: ModelLoad, pinned: tuple[Resident, ...]) -> InsufficientMemory:
        names = ", ".join(sorted(self.seats[each.identity].load.model.name for each in pinned))
        held = readable_size(sum(each.need_bytes for each in pinned))
        return InsufficientMemory(
            f"{load.model.name} needs {readable_size(load.need_bytes)}, and of the {readable_size(self._budget_bytes)} "
            f"for models the pinned ones hold {held}: {names}",
            hint="unload or unpin one of them",
            param="model",
            detail={"need_bytes": load.need_bytes, "budget_bytes": self._budget_bytes},
        )
