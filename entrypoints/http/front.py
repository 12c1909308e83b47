"""The serving process: what it holds between its first and its last request."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from application.serving.presence import Whereabouts
from application.serving.readiness import ServerState
from domain.errors import InternalError, MlxkError
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.app import create_app
from entrypoints.http.gate import Doors
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address
from entrypoints.http.realtime.open_sessions import OpenSessions
from entrypoints.http.request_counts import OTHER_METHOD, UNREADABLE
from entrypoints.http.service_notice import READY, STOPPING, tell_manager
from entrypoints.http.services import Services
from entrypoints.settings import Settings

log = logging.getLogger(__name__)

ServicesFactory = Callable[[Settings], Services]


@dataclass(frozen=True, slots=True)
class Serving:
    """What the server tells once it is ready. model: the preloaded one, None without."""

    url: str
    host: str
    port: int
    model: str | None


Announce = Callable[[Serving], None]
Failed = Callable[[MlxkError], None]


@dataclass(frozen=True, slots=True)
class FrontPlan:
    """What a serving process is made from. announce: called once, in the serving process, when it is ready; failed: in
    its place, with the reason.
    grace_seconds: how long running answers may go on after a request to stop. doors: as for create_app."""

    settings: Settings
    services_factory: ServicesFactory
    announce: Announce | None
    address: Address
    limits: HttpLimits
    grace_seconds: float
    failed: Failed | None = None
    doors: Doors | None = None


class Front:
    """Made after the fork: it owns threads and, through its services, the model workers. Thread-safe."""

    def __init__(self, plan: FrontPlan) -> None:
        self._plan = plan
        self._services = plan.services_factory(plan.settings)
        self.slots = AnswerSlots(plan.limits.open_answers)
        self._sessions = OpenSessions(plan.limits.realtime_sessions)
        self._stopping = False
        self.wsgi: Flask = create_app(
            self._services,
            plan.limits,
            self.slots,
            plan.doors,
            share=plan.settings.share.value,
            sessions=self._sessions,
        )

    def bring_up(self, *, announce: bool, on_failure: Callable[[], None]) -> None:
        """Load the first models in a thread of its own; /health answers meanwhile, /ready says "starting"."""
        thread = threading.Thread(target=self._bring_up, args=(announce, on_failure), name="bring-up", daemon=True)
        thread.start()

    def count_unreadable(self, status: int) -> None:
        """A response to what could not be read as a request."""
        self._services.meter().request(OTHER_METHOD, UNREADABLE, status)

    def begin_stop(self) -> None:
        """No new answers; the running ones may go on for the grace, then they end with an error."""
        self._stopping = True
        self._services.lifecycle().move_to(ServerState.STOPPING)
        self.slots.close()
        self._sessions.close()
        self._fade()
        tell_manager(self._plan.settings.environ, STOPPING)
        if running := self.slots.open:
            seconds = self._plan.grace_seconds
            answers = "1 answer still runs" if running == 1 else f"{running} answers still run"
            log.info("stopping: %s, for at most %g s; interrupt again to end what runs", answers, seconds)
        timer = threading.Timer(self._plan.grace_seconds, self.close)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """End the model workers. Idempotent."""
        self._stopping = True
        self.slots.close()
        self._sessions.close()
        self._be_lost()
        self._services.worker_watch().close()
        self._services.model_pool().close()

    def _bring_up(self, announce: bool, on_failure: Callable[[], None]) -> None:
        ready = False
        self._be_found()
        try:
            model = self._load_first()
            self._services.lifecycle().move_to(ServerState.READY)
            ready = True
        except MlxkError as fault:
            if not self._stopping:
                self._tell_failure(fault)
        except Exception as fault:
            if not self._stopping:
                log.debug("cannot serve", exc_info=fault)
                self._tell_failure(InternalError(f"{type(fault).__name__}: {fault}"))
        finally:
            if not ready and not self._stopping:
                self._services.lifecycle().move_to(ServerState.FAILED)
                on_failure()
        if ready:
            tell_manager(self._plan.settings.environ, READY)
        if ready and announce:
            self._announce(model)

    def _be_found(self) -> None:
        """By this user's own commands; the parent process is the one that they may signal."""
        address = self._plan.address
        where = Whereabouts(address.host, address.port, os.getpid(), os.getppid(), address.is_loopback)
        try:
            self._services.presence().begin(where, lambda: self.slots.open)
        except OSError as fault:
            log.warning("`mlxk run`, `mlxk status` and `mlxk stop` will not find this server: %s", fault)

    def _fade(self) -> None:
        try:
            self._services.presence().fade()
        except OSError as fault:
            log.warning("this server's entry does not say that it is stopping: %s", fault)

    def _be_lost(self) -> None:
        try:
            self._services.presence().end()
        except OSError as fault:
            log.warning("this server's entry stays behind: %s", fault)

    def _tell_failure(self, fault: MlxkError) -> None:
        log.error("cannot serve: %s%s", fault.message, f" ({fault.hint})" if fault.hint else "")
        if self._plan.failed is not None:
            self._plan.failed(fault)
            sys.stdout.flush()

    def _announce(self, model: str | None) -> None:
        """The server goes on when nobody can be told."""
        if self._plan.announce is None:
            return
        address = self._plan.address
        try:
            self._plan.announce(Serving(address.url, address.host, address.port, model))
            sys.stdout.flush()
        except (MlxkError, OSError) as fault:
            log.warning("ready at %s, but that could not be printed: %s", address.url, fault)

    def _load_first(self) -> str | None:
        """All models that are wanted from the start; the name of the first."""
        names = self._services.preload_models().execute(lambda words: log.warning("%s", words))
        return names[0] if names else None
