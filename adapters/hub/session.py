"""Requests to one hub: who is asked, with which token, and what its refusals mean.

The client is huggingface_hub's own (httpx2 through its session factory): a user's proxies, certificates, offline mode
and client factory hold for both. Redirects are followed here, so that the token goes to the hub's own origin only.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit
from weakref import WeakSet

import httpx2
from huggingface_hub.errors import OfflineModeIsEnabled
from huggingface_hub.utils import get_session

from adapters.hub.refusals import failed, refusal
from domain.errors import InvalidRequest

MAX_REDIRECTS = 10
_PORTS = {"http": 80, "https": 443}


class HubSession:
    """Thread-safe. endpoint: http(s) address without a slash at the end. token: sent to the endpoint's origin only."""

    def __init__(
        self,
        endpoint: str,
        token: str | None,
        *,
        timeout_seconds: float = 20.0,
        user_agent: str = "mlxk",
        client: Callable[[], Any] = get_session,
    ) -> None:
        self.endpoint = _checked(endpoint)
        self._origin = origin(self.endpoint)
        self._token = token
        self._timeout = httpx2.Timeout(timeout_seconds, pool=None)
        self._headers = {"User-Agent": user_agent}
        self._client = client
        self._stopped = threading.Event()
        self._connections: WeakSet[socket.socket] = WeakSet()
        self._lock = threading.Lock()

    @property
    def authorized(self) -> bool:
        return bool(self._token)

    def owns(self, url: str) -> bool:
        """Whether an address lies on the hub itself."""
        return origin(url) == self._origin

    def stop(self) -> None:
        """End every request under way at once, from any thread; those that come later fail."""
        self._stopped.set()
        with self._lock:
            for connection in list(self._connections):
                _shut(connection)

    @contextmanager
    def request(
        self,
        method: str,
        url: str,
        subject: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """One attempt, redirects followed: an open response with a 2xx status. subject: the model, for messages.

        Raises AccessDenied, ModelNotFound, DownloadFailed. `response.extensions["hub_headers"]` carries the headers of
        the hub's own answers on the way.
        """
        told: dict[str, str] = {}
        for _ in range(MAX_REDIRECTS):
            with self._send(method, url, subject, params, headers or {}) as response:
                if self.owns(url):
                    told.update({name.lower(): value for name, value in response.headers.items()})
                if not response.has_redirect_location:
                    self._require_success(response, url, subject)
                    response.extensions["hub_headers"] = told
                    yield response
                    return
                url = self._next(url, str(response.headers["Location"]), subject)
                params = None
        raise failed(subject, "the hub redirects without end")

    @contextmanager
    def _send(
        self, method: str, url: str, subject: str, params: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> Iterator[Any]:
        sent = {**self._headers, **headers}
        if self._token and self.owns(url):
            sent["Authorization"] = f"Bearer {self._token}"
        if self._stopped.is_set():
            raise failed(subject, "the download was stopped", retryable=False)
        try:
            with self._client().stream(
                method,
                url,
                params=params,
                headers=sent,
                timeout=self._timeout,
                follow_redirects=False,
                extensions={"trace": self._notice},
            ) as response:
                self._register(response.extensions.get("network_stream"))
                yield response
        except OfflineModeIsEnabled as fault:
            raise failed(subject, "HF_HUB_OFFLINE is set", retryable=False) from fault
        except httpx2.TimeoutException as fault:
            raise failed(subject, f"{urlsplit(url).netloc} did not answer in time") from fault
        except (httpx2.TransportError, httpx2.StreamError, httpx2.InvalidURL) as fault:
            raise failed(subject, f"the connection to {urlsplit(url).netloc} failed: {_words(fault)}") from fault

    def _notice(self, event: str, facts: Mapping[str, Any]) -> None:
        """Sees a connection when it is made, long before it answers."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._register(facts.get("return_value"))

    def _register(self, stream: Any) -> None:
        """The connection's socket, where stop() finds it."""
        connection = stream.get_extra_info("socket") if stream is not None else None
        if connection is None:
            return
        with self._lock:
            self._connections.add(connection)
            if self._stopped.is_set():
                _shut(connection)

    def _next(self, url: str, location: str, subject: str) -> str:
        target = urljoin(url, location)
        secure = urlsplit(target).scheme == "https" or urlsplit(url).scheme == "http"
        if urlsplit(target).scheme not in _PORTS or not secure:
            raise failed(subject, "the hub redirects to an address that is not secure", retryable=False)
        return target

    def _require_success(self, response: Any, url: str, subject: str) -> None:
        if response.status_code >= 400:
            raise refusal(response, subject, by_hub=self.owns(url), authorized=self.authorized)
        if response.status_code not in (200, 206):
            raise failed(subject, f"the hub answered with status {response.status_code}")


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint.strip())
    if parts.scheme not in _PORTS or not parts.hostname or parts.username or parts.password or parts.query:
        raise InvalidRequest(
            f"{_without_credentials(endpoint)!r} is no hub's address",
            hint="a hub is https://host, http://host:port or file:///folder; its token goes into HF_TOKEN",
            param="hub",
        )
    return endpoint.strip().rstrip("/")


def _without_credentials(endpoint: str) -> str:
    head, at, tail = endpoint.rpartition("@")
    return f"{head.partition('//')[0]}//***@{tail}" if at else endpoint


def origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port or _PORTS.get(parts.scheme, 0)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _words(fault: Exception) -> str:
    return str(fault) or type(fault).__name__
