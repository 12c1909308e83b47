"""`mlxk serve`: bind, then serve until told to stop."""

from __future__ import annotations

import logging
import os
import resource
from dataclasses import replace

from domain.errors import UsageError
from entrypoints.door_settings import KEYS_IN_SIGHT
from entrypoints.http.access_log import configure_access_log
from entrypoints.http.arbiter import EmbeddedServer
from entrypoints.http.bootstrap import build_services
from entrypoints.http.front import Announce, Failed, FrontPlan, ServicesFactory
from entrypoints.http.gate import Doors
from entrypoints.http.keys import gather_keys
from entrypoints.http.limits import HttpLimits
from entrypoints.http.listener import Address, listen
from entrypoints.http.request_ids import current_request_id
from entrypoints.http.service_notice import SOCKET_VARIABLE
from entrypoints.logs import configure_logging
from entrypoints.settings import Settings, Source, keep_from_children

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
    once for each serving process. Raises PortInUse, InvalidRequest or UsageError before anything has started.
    """
    limits = limits or HttpLimits()
    keys = gather_keys(settings.doors)
    listener, address = listen(settings.host.value, settings.port.value, limits.backlog)
    with listener:
        _require_keys(settings, address, keys)
        descriptor = os.dup(listener.fileno())
    home = settings.environ.get("HOME", "")
    configure_logging(
        settings.verbosity, as_json=settings.log_json.value, home=home, secrets=keys, request_id=current_request_id
    )
    configure_access_log(wanted=settings.doors.access_log.value)
    _warn(settings, address, keys)
    plan = FrontPlan(
        settings=settings,
        services_factory=services_factory,
        announce=announce,
        failed=failed,
        address=address,
        limits=_limits(settings, limits),
        grace_seconds=grace_seconds,
        doors=Doors.at(address, keys, settings.doors.allow_host.value, settings.doors.cors_origin.value),
    )
    keep_from_children(SOCKET_VARIABLE)  # gunicorn would say READY before any model is loaded
    return EmbeddedServer(plan, descriptor, _connections(limits.connections)).run()


def _require_keys(settings: Settings, address: Address, keys: tuple[str, ...]) -> None:
    """Who lets others in says which ones. Raises UsageError."""
    no_auth = settings.doors.no_auth
    if no_auth.value and keys:
        raise UsageError(f"{no_auth.name} contradicts the API keys that are given", hint="leave one of them out")
    if not keys and not no_auth.value and not address.is_loopback:
        raise UsageError(
            f"others can reach {settings.host.value}, and no API key is set",
            hint="--api-key-file FILE demands keys; --no-auth lets everybody use your models",
        )


def _warn(settings: Settings, address: Address, keys: tuple[str, ...]) -> None:
    if settings.doors.api_key.source is Source.FLAG:
        log.warning("%s", KEYS_IN_SIGHT)
    if not address.is_loopback and not keys:
        log.warning("%s is open to the network, without any authentication", address.url)


def _limits(settings: Settings, limits: HttpLimits) -> HttpLimits:
    return replace(
        limits,
        default_max_tokens=limits.default_max_tokens or settings.max_tokens.value,
        chat_body_bytes=settings.doors.max_body.value or limits.chat_body_bytes,
        picture_body_bytes=settings.doors.max_body.value or limits.picture_body_bytes,
    )


def _connections(wanted: int) -> int:
    """As many sockets as wanted, or as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else min(wanted, soft - SPARE_DESCRIPTORS)
