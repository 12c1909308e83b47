"""Blows at worker processes while the storm goes on."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random

from tests.support.managed_server import ManagedServer
from tests.support.processes import workers

PINNED = "steady"
LOOK_SECONDS = 0.1
FAINT_SECONDS = 0.7


class Blows:
    """One thread at a time hits. pause: seconds between two kills, at least and at most."""

    def __init__(self, server: ManagedServer, chance: Random, pause: tuple[float, float]) -> None:
        self._server = server
        self._chance = chance
        self._pause = pause
        self.counts: Counter[str] = Counter()

    @contextmanager
    def raining(self, *, spare_pinned: bool, stop: Callable[[Blows, threading.Event], None] | None) -> Iterator[None]:
        """Kills while the context lasts. spare_pinned: the pinned model's worker lives. stop: another blow, once."""
        over = threading.Event()
        threads = [threading.Thread(target=self._kill, args=(over, spare_pinned))]
        if stop is not None:
            threads.append(threading.Thread(target=stop, args=(self, over)))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def freeze(self, over: threading.Event) -> None:
        """A worker stops for good: whoever watches it has to notice."""
        self._stop(over, spare_pinned=True)

    def faint(self, over: threading.Event) -> None:
        """A worker stops for a moment."""
        victim = self._stop(over, spare_pinned=False)
        over.wait(FAINT_SECONDS)
        if victim is not None:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGCONT)

    def _stop(self, over: threading.Event, *, spare_pinned: bool) -> int | None:
        """The first worker with a model that comes along."""
        victim = None
        while victim is None and not over.wait(LOOK_SECONDS):
            victim = self._hit(signal.SIGSTOP, self._victims(spare_pinned=spare_pinned, spares=False))
        return victim

    def _kill(self, over: threading.Event, spare_pinned: bool) -> None:
        while not over.wait(self._chance.uniform(*self._pause)):
            self._hit(signal.SIGKILL, self._victims(spare_pinned=spare_pinned, spares=True))

    def _victims(self, *, spare_pinned: bool, spares: bool) -> list[int]:
        """spares: also those that hold no model yet."""
        models = self._server.processes()
        pinned = models.get(PINNED)
        every = workers(self._server.process.pid) if spares else list(models.values())
        return [each for each in every if not (spare_pinned and each == pinned)]

    def _hit(self, number: signal.Signals, victims: list[int]) -> int | None:
        if not victims:
            return None
        victim = self._chance.choice(victims)
        with suppress(ProcessLookupError):
            os.kill(victim, number)
            self.counts[number.name] += 1
            return victim
        return None
