"""How the models of a table stand."""

from __future__ import annotations

from collections import Counter

from application.serving.model_record import ModelRecord
from application.serving.seat import Seat, SeatState
from application.serving.table import Table
from domain.serving.standing import ModelStanding, ModelState


def standings(table: Table) -> tuple[ModelStanding, ...]:
    """Of every model that is remembered; with the table's lock held."""
    waiting = Counter(ticket.load.identity for ticket in table.line)
    now = table.clock.now()
    return tuple(
        _standing(each, table.seats.get(each.load.identity), waiting[each.load.identity], now)
        for each in table.records.every
    )


def _standing(record: ModelRecord, seat: Seat | None, waiting: int, now: float) -> ModelStanding:
    worker = None if seat is None else seat.living_worker
    idle = seat is not None and seat.state is SeatState.READY and not seat.users
    return ModelStanding(
        name=record.load.model.name,
        identity=record.load.identity,
        state=_state(record, seat),
        users=0 if seat is None else seat.users,
        waiting=waiting,
        loads=record.loads,
        restarts=record.restarts,
        load_seconds=record.last_seconds,
        memory_bytes=None if worker is None else worker.loaded.memory_bytes,
        pinned=seat is not None and seat.pinned,
        idle_seconds=now - seat.idle_since if seat is not None and idle else None,
        model_identity=record.load.model.identity,
    )


def _state(record: ModelRecord, seat: Seat | None) -> ModelState:
    if record.breaker.tripped:
        return ModelState.SUSPENDED
    if seat is None:
        return ModelState.UNLOADED
    if not seat.open:
        return ModelState.DRAINING
    return ModelState.LOADING if seat.state is SeatState.LOADING else ModelState.READY
