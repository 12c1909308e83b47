"""Before any route: is this a request we should hear at all?

In this order: the name it was sent to, the page it comes from, the key, the kind of body. Every route is behind it,
also those that are added later; a route chooses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask, Request, Response

from domain.errors import AccessDenied, KeyMissing, MlxkError
from entrypoints.http.current import current_request
from entrypoints.http.errors import ProtocolFault, respond
from entrypoints.http.form import FORM
from entrypoints.http.keys import KeyRing
from entrypoints.http.listener import Address
from entrypoints.http.request_ids import HEADER
from entrypoints.http.visitors import HostRule, OriginRule, Visit

OPEN_PATHS = frozenset({"/health"})
FORM_PATHS = frozenset({"/v1/audio/transcriptions", "/v1/audio/translations"})
READING = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = "GET, HEAD, POST, OPTIONS"
PREFLIGHT_SECONDS = "600"
EXPOSED = f"{HEADER}, Retry-After, x-should-retry"
HEADER_LIST = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,1000}")
SCHEME_OF_COMMANDS = "mlxk"

Admits = Callable[[str, str, str, str], bool]  # application.serving.presence.Presence.admits


@dataclass(frozen=True, slots=True)
class Doors:
    """hosts, origins: see visitors.py. keys: None when nobody has to show one."""

    hosts: HostRule
    origins: OriginRule
    keys: KeyRing | None

    @classmethod
    def at(
        cls, address: Address, keys: Sequence[str] = (), hosts: Sequence[str] = (), origins: Sequence[str] = ()
    ) -> Doors:
        ring = KeyRing(keys) if keys else None
        return cls(HostRule(address, hosts, keyed=ring is not None), OriginRule(origins), ring)


class Gate:
    """Thread-safe. admits: whether a command of this server's own user sent the request, which then needs no key."""

    def __init__(self, doors: Doors, admits: Admits) -> None:
        self._doors = doors
        self._admits = admits

    def stand_before(self, app: Flask) -> None:
        app.before_request(self._judge)
        app.after_request(self._tell_pages)

    def _judge(self) -> Response | None:
        """None lets the request in. Refusals are answered here: no route tells them in a way of its own."""
        asked = current_request()
        origin = asked.headers.get("Origin", "")
        try:
            self._check_visit(asked, origin)
            if asked.method == "OPTIONS" and origin and "Access-Control-Request-Method" in asked.headers:
                return self._preflight(asked, origin)
            self._check_key(asked)
        except MlxkError as fault:
            return _refusal(fault)
        check_media_type(asked)
        return None

    def _check_visit(self, request: Request, origin: str) -> None:
        host = request.environ.get("HTTP_HOST")
        if host is None and request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0":
            raise ProtocolFault(400, "bad_request", "the request has no Host header")
        asked = [] if host is None else [host]
        raw = str(request.environ.get("RAW_URI", "/"))
        if not raw.startswith("/") and "://" in raw:  # as proxies are asked
            asked.append(raw.partition("://")[2].partition("/")[0])
        for name in asked:
            if not self._doors.hosts.admits(name):
                raise AccessDenied(
                    f"this server does not answer to the host name {name[:100]!r}",
                    hint="start it with --allow-host NAME if that is one of its names",
                )
        visit = Visit(host or "", origin, request.headers.get("Sec-Fetch-Site", ""))
        if not self._doors.origins.admits(visit):
            raise AccessDenied(
                f"pages of {(origin or 'other sites')[:100]} may not ask this server",
                hint=f"start it with --cors-origin {origin[:100] if origin else 'ORIGIN'} to let them",
            )

    def _check_key(self, request: Request) -> None:
        keys = self._doors.keys
        if keys is None or (request.path in OPEN_PATHS and request.method in READING):
            return
        offered = _offered(request)
        if any(keys.knows(key) for key in offered):
            return
        if self._from_own_command(request):
            return
        raise KeyMissing(
            "no API key of this server came with the request" if offered else "this server wants an API key",
            hint="send it as `Authorization: Bearer KEY` or `x-api-key: KEY`",
        )

    def _from_own_command(self, request: Request) -> bool:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        nonce, _, offered = value.strip().partition(":")
        return (
            scheme.lower() == SCHEME_OF_COMMANDS
            and bool(nonce)
            and self._admits(offered, nonce, request.method, request.path)
        )

    def _preflight(self, request: Request, origin: str) -> Response:
        response = Response(status=204)
        if not self._doors.origins.names(origin):
            return response
        response.headers["Access-Control-Allow-Methods"] = METHODS
        wanted = request.headers.get("Access-Control-Request-Headers", "")
        if HEADER_LIST.fullmatch(wanted):
            response.headers["Access-Control-Allow-Headers"] = wanted
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            response.headers["Access-Control-Allow-Private-Network"] = "true"
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response

    def _tell_pages(self, response: Response) -> Response:
        """Named pages may read the answer, whatever it is; no cookies or other credentials of the browser's own."""
        origin = current_request().headers.get("Origin", "")
        if self._doors.origins.names(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
            response.headers.add("Vary", "Origin")
        return response


def check_media_type(asked: Request) -> None:
    """A body on a route of ours is JSON, or a form where files are sent: a foreign page can send other kinds without
    asking, and forms too, but those are for named pages only (OriginRule). Raises ProtocolFault.
    """
    if asked.method in READING or asked.routing_exception is not None:
        return
    has_body = asked.content_length or "HTTP_TRANSFER_ENCODING" in asked.environ
    wanted = FORM if asked.path in FORM_PATHS else "application/json"
    if has_body and asked.mimetype != wanted:
        given = asked.mimetype or "none"
        raise ProtocolFault(
            415, "unsupported_media_type", f"the body must be {wanted}, got {given}", "set Content-Type"
        )


def _offered(asked: Request) -> list[str]:
    found = [asked.headers["x-api-key"].strip()] if "x-api-key" in asked.headers else []
    scheme, _, value = asked.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found.append(value.strip())
    return found


def _refusal(fault: MlxkError) -> Response:
    response = respond(fault)
    if isinstance(fault, KeyMissing):
        response.headers["WWW-Authenticate"] = 'Bearer realm="mlxk"'
    return response
