"""The storm: a server, clients that ask it for all kinds of things, blows at its workers, and rests to measure at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.support.eventually import eventually
from tests.support.managed_server import ManagedServer, managed
from tests.support.miniatures import MINIATURES
from tests.support.processes import descendants
from tests.support.raw_http import RawClient, head
from tests.support.soak.blows import PINNED, Blows
from tests.support.soak.gauges import Held, held, zombies
from tests.support.soak.ledger import Entry, Ledger, Outcome
from tests.support.soak.report import Report
from tests.support.soak.visits import Texts, read, request_bytes, visit
from tests.support.soak.wishes import MODELS, SEEDED, Wish, drawn, seeded

FAMILIES = {"steady": "llama", "left": "mistral", "right": "gemma2"}
CLIENTS = 14
# A request meets at worst a frozen worker (30 s until it is ended) and a turn of the other model.
LIMIT_SECONDS = 90.0
SOLO_SECONDS = 60.0
# A client that sends no more is told so after this; one that is refused as suspended asks again this much later.
SILENCE_SECONDS = 12.0
SUSPENDED_SECONDS = 0.3
KILL_PAUSE_SECONDS = (1.5, 6.0)


def soak(folder: Path, seconds: float, seed: int, *, freeze: bool, rests: int) -> Report:
    """seconds: of storm, in `rests` parts with a rest after each. freeze: a worker is stopped for good in the middle,
    which takes the server half a minute to mend; else one faints for a moment.
    """
    sizes = {name: _size(MINIATURES[family].build(folder / name)) for name, family in FAMILIES.items()}
    budget = sizes[PINNED] + max(sizes["left"], sizes["right"]) * 3 // 2
    rules = {"models": {PINNED: {"pinned": True}}}
    with managed(
        folder, budget_bytes=budget, rules=rules, seconds=seconds * 2 + 300, log=folder / "log", cache_ram="4MB"
    ) as server:
        return _Soak(server, seed, seconds, rests, freeze=freeze).run()


class _Soak:
    def __init__(self, server: ManagedServer, seed: int, seconds: float, rests: int, *, freeze: bool) -> None:
        self._server = server
        self._port = int(server.url.rpartition(":")[2])
        self._seed = seed
        self._seconds = seconds
        self._rests = rests
        self._freeze = freeze
        self._steady_process: int | None = None

    def run(self) -> Report:
        right = {(model, number): self._solo(seeded(model, number)) for model in MODELS for number in range(SEEDED)}
        ledger = Ledger(right)
        self._warm_up(ledger)
        start = self._without_models()
        report = Report(self._seed, self._seconds, ledger, start, processes_at_start=self._processes())
        blows = Blows(self._server, Random(f"{self._seed} blows"), KILL_PAUSE_SECONDS)  # noqa: S311
        for number in range(self._rests):
            self._part(report, blows, number)
        report.blows = dict(blows.counts)
        report.end = self._without_models()
        report.processes_at_end = self._processes()
        dead = zombies([self._server.process.pid, *descendants(self._server.process.pid)])
        report.notes += [f"process {each} was never waited for" for each in dead]
        return report

    def _part(self, report: Report, blows: Blows, number: int) -> None:
        early = number < max(1, self._rests // 3)
        stop: Callable[[Blows, threading.Event], None] | None = None
        if number == self._rests // 2:
            stop = Blows.freeze if self._freeze else Blows.faint
        with blows.raining(spare_pinned=not early, stop=stop):
            self._storm(report.ledger, number, self._seconds / self._rests)
        self._quiet()
        report.front.append(self._front())
        steady = self._server.processes().get(PINNED)
        if steady is not None and not early:
            if steady != self._steady_process:
                report.steady.clear()
            kept = int(self._metric(f'mlxk_worker_cache_bytes{{model="{PINNED}"}}'))
            taken = held(steady)
            report.steady.append(replace(taken, pss_bytes=taken.pss_bytes - kept))
        self._steady_process = steady

    def _storm(self, ledger: Ledger, number: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        never = threading.Event()

        def client(place: int) -> None:
            chance = Random(f"{self._seed} {number} {place}")  # noqa: S311
            while time.monotonic() < until:
                wish = drawn(chance, silent=until - time.monotonic() > SILENCE_SECONDS)
                if self._ask(ledger, wish).error == "model_suspended":
                    never.wait(SUSPENDED_SECONDS)

        _together(CLIENTS, client)

    def _warm_up(self, ledger: Ledger) -> None:
        """As many at once as there will ever be: threads for requests stay once they are there."""

        def client(place: int) -> None:
            self._ask(ledger, seeded(MODELS[place % len(MODELS)], place % SEEDED, stream=place % 2 == 0))

        for _ in range(3):
            _together(CLIENTS * 2, client)

    def _ask(self, ledger: Ledger, wish: Wish) -> Entry:
        ledger.begin()
        try:
            entry = visit(self._port, wish, ledger.right, LIMIT_SECONDS)
        except Exception as fault:
            entry = Entry(wish, Outcome.LOST, 0.0, told=f"the client failed: {fault!r}")
            ledger.add(entry)
            raise
        ledger.add(entry)
        return entry

    def _solo(self, wish: Wish) -> Texts:
        with RawClient(self._port, SOLO_SECONDS) as line:
            line.send(request_bytes(wish))
            return read(line.rest(), wish)

    def _without_models(self) -> Held:
        for model in MODELS:
            with RawClient(self._port, SOLO_SECONDS) as line:
                line.post("/v1/models/unload", {"model": model})
                assert line.answer().status == 200
        self._quiet()
        return self._front()

    def _quiet(self) -> None:
        eventually(lambda: self._metric("mlxk_open_answers") == 0, "all answers to end")
        eventually(lambda: self._busy() == 0, "the models to be idle")
        eventually(lambda: self._processes() <= 2 + len(self._server.processes()), "workers that left to end")
        eventually(self._connections_closed, "all connections to close")

    def _busy(self) -> int:
        return sum(each["users"] + each["waiting"] for each in self._server.standing().values())

    def _connections_closed(self) -> bool:
        """Only ours: each question over HTTP is a connection of its own, and closed."""
        peers = Path(f"/proc/{self._serving}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        port = f":{self._port:04X}"
        return not any(line.split()[1].endswith(port) and line.split()[3] in ("01", "08") for line in peers)

    @property
    def _serving(self) -> int:
        return int(self._server.told["process"])

    def _front(self) -> Held:
        return held(self._server.process.pid, self._serving)

    def _processes(self) -> int:
        """Below the arbiter: the serving process, the spare, and a worker for each model."""
        return len(descendants(self._server.process.pid))

    def _metric(self, name: str) -> float:
        with RawClient(self._port) as line:
            line.send(head("GET", "/metrics", {"Connection": "close"}))
            lines = line.answer().body.decode().splitlines()
        told = dict(each.rpartition(" ")[::2] for each in lines if not each.startswith("#"))
        return float(told.get(name, 0))


def _together(count: int, task: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=task, args=(place,)) for place in range(count)]
    with ExitStack() as waits:
        for thread in threads:
            waits.callback(thread.join)
            thread.start()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())
