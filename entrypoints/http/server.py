"""`mlxk serve`: bind, then serve until told to stop."""

from __future__ import annotations

import logging
import resource
from dataclasses import replace

from entrypoints.http.arbiter import EmbeddedServer
from entrypoints.http.bootstrap import build_services
from entrypoints.http.front import Announce, Failed, FrontPlan, ServicesFactory
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import listen
from entrypoints.http.logs import configure_logging
from entrypoints.http.service_notice import SOCKET_VARIABLE
from entrypoints.settings import Settings, keep_from_children

log = logging.getLogger(__name__)

GRACE_SECONDS = 30.0
SPARE_DESCRIPTORS = 64


def serve(
    settings: Settings,
    announce: Announce | None = None,
    failed: Failed | None = None,
    *,
    services_factory: ServicesFactory = build_services,
    limits: HttpLimits | None = None,
    grace_seconds: float = GRACE_SECONDS,
) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit code.

    announce: called once, in the serving process, when requests can be answered; failed: in its place, with the reason
    why they cannot. services_factory: called there too,
    once for each serving process. Raises PortInUse or InvalidRequest before anything has started.
    """
    limits = limits or HttpLimits()
    listener, address = listen(settings.host.value, settings.port.value, limits.backlog)
    configure_logging(settings.log_level.value, as_json=settings.log_json.value, home=settings.environ.get("HOME", ""))
    if not address.is_loopback:
        log.warning("%s is open to the network, without any authentication", address.url)
    plan = FrontPlan(
        settings=settings,
        services_factory=services_factory,
        announce=announce,
        failed=failed,
        address=address,
        limits=replace(limits, default_max_tokens=limits.default_max_tokens or settings.max_tokens.value),
        grace_seconds=grace_seconds,
    )
    keep_from_children(SOCKET_VARIABLE)  # gunicorn would say READY before any model is loaded
    return EmbeddedServer(plan, listener.detach(), _connections(limits.connections)).run()


def _connections(wanted: int) -> int:
    """As many sockets as wanted, or as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - SPARE_DESCRIPTORS)
