"""An answer that comes as a whole and survives its worker once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from application.serving.replay import Release
from application.serving.seat import Seat
from domain.errors import EngineDied, Interrupted
from domain.serving.model_load import ModelLoad
from ports.model_worker import LoadedModel, ModelWorker, PendingAnswer

T = TypeVar("T")
Asking = Callable[[ModelWorker], PendingAnswer[T]]
LOOK_SECONDS = 0.2  # how long it may take until somebody notices that nobody waits any more


def whole_answer(
    seat: Seat,
    ask: Asking[T],
    *,
    live_worker: Callable[[Seat], ModelWorker],
    release: Release,
    given_up: Callable[[], bool],
) -> tuple[T, LoadedModel]:
    """Ask the worker of a seat, and once more, alone, when it dies under the question: nothing has been shown yet. The
    seat is given back in any case.

    Raises what the answer raises; Interrupted when given up.
    """
    answered = False
    try:
        try:
            found = _asked(seat, ask, live_worker, given_up, alone=False)
        except EngineDied as death:
            if seat.failure is not None:
                raise seat.failure from death
            found = _asked(seat, ask, live_worker, given_up, alone=True)
        answered = True
        return found
    finally:
        release(seat, answered=answered)


def _asked(
    seat: Seat,
    ask: Asking[T],
    live_worker: Callable[[Seat], ModelWorker],
    given_up: Callable[[], bool],
    *,
    alone: bool,
) -> tuple[T, LoadedModel]:
    if not seat.enter(alone=alone, given_up=given_up):
        raise nobody_waits(seat.load)
    try:
        worker = live_worker(seat)
        pending = ask(worker)
        try:
            while (answer := pending.within(LOOK_SECONDS)) is None:
                if given_up():
                    raise nobody_waits(seat.load)
        except BaseException:
            pending.cancel()
            raise
        return answer, worker.loaded
    finally:
        seat.leave()


def nobody_waits(load: ModelLoad) -> Interrupted:
    return Interrupted(f"nobody waits for the answer of {load.model.name} any more")
