"""Models that leave by themselves: nobody has asked for them for long enough, or they were told to."""

from __future__ import annotations

import math
import threading

from application.serving.seat import Seat, SeatState
from application.serving.table import Table


class Departures:
    """One thread, started when the first model may have to leave, asleep until the next moment at which one does. A
    model with users never leaves.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._thread: threading.Thread | None = None
        self._wakes_at = math.inf

    def look_again(self, seat: Seat) -> None:
        """The seat has become idle, or unwanted; under the lock."""
        due = _due(seat)
        if due == math.inf:
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._watch, name="model-departures", daemon=True)
            self._thread.start()
        elif due < self._wakes_at:
            self._table.alarm.notify_all()

    def dismiss(self, seat: Seat) -> None:
        """End the worker of a seat that is LEAVING, and free its place; without the lock."""
        try:
            if seat.worker is not None:
                seat.worker.close()
        finally:
            with self._table.changed:
                self._table.remove(seat)

    def _watch(self) -> None:
        while (seat := self._next()) is not None:
            self.dismiss(seat)

    def _next(self) -> Seat | None:
        """The next seat to leave, marked as leaving; None once the pool is closed."""
        table = self._table
        with table.alarm:
            while not table.closed:
                now = table.clock.now()
                dues = {_due(seat): seat for seat in table.seats.values()}
                self._wakes_at = min(dues, default=math.inf)
                if self._wakes_at <= now:
                    seat = dues[self._wakes_at]
                    seat.state = SeatState.LEAVING
                    table.changed.notify_all()
                    return seat
                table.clock.wait(table.alarm, None if self._wakes_at == math.inf else self._wakes_at - now)
            return None


def _due(seat: Seat) -> float:
    """When it leaves as things are; infinite for never."""
    if seat.state is not SeatState.READY or seat.users or seat.restarting:
        return math.inf
    if seat.unwanted:
        return -math.inf
    seconds = seat.load.keeping.idle_seconds
    return math.inf if seat.pinned or not seconds else seat.idle_since + seconds
