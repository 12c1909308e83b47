"""The same request again and again on N connections, by one thread over plain sockets: the driver costs little."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60.0


class NoAnswer(Exception):
    """A server that has stopped answering."""


@dataclass(frozen=True, slots=True)
class Load:
    """seconds: of each request, from sending it to the last byte of its answer; of one that had to connect first, from
    there on."""

    wall_seconds: float
    seconds: tuple[float, ...]
    errors: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall_seconds

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def drive(base_url: str, connections: int, requests: Sequence[bytes]) -> Load:
    """Each connection sends its next request when its answer is there; where a server closes, it connects again.

    Raises NoAnswer when nothing comes on any of them for TIMEOUT_SECONDS.
    """
    return _Drive(base_url, requests).run(connections)


def request_bytes(base_url: str, method: str, path: str, body: bytes = b"") -> bytes:
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {urlsplit(base_url).netloc}\r\n{kind}\r\n".encode() + body


class _Line:
    """One connection. begun: when its request was sent, connecting included. unsent: what is sent once it stands."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self.sock: socket.socket | None = None
        self.begun = 0.0
        self.received = bytearray()
        self.unsent = b""

    def ask(self, request: bytes, watch: Callable[[socket.socket, _Line], object]) -> None:
        """A server whose queue is full lets a connection wait for a second or more: the others go on meanwhile."""
        self.begun = time.perf_counter()
        self.received.clear()
        if self.sock is not None:
            self.sock.sendall(request)
            return
        self.unsent = request
        self.sock = socket.socket()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(0.0)
        self.sock.connect_ex(self._address)
        watch(self.sock, self)

    def stands(self) -> None:
        """Connected: send what waits for that. Raises OSError when it was refused."""
        assert self.sock is not None
        if code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        self.sock.settimeout(TIMEOUT_SECONDS)
        request, self.unsent = self.unsent, b""
        self.sock.sendall(request)

    def whole(self) -> bool:
        """Whether an answer with a Content-Length is complete."""
        top, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        length = _header(top, b"content-length")
        return length is not None and len(body) >= int(length)

    @property
    def stays(self) -> bool:
        top = bytes(self.received.partition(b"\r\n\r\n")[0])
        return top.startswith(b"HTTP/1.1") and (_header(top, b"connection") or b"").lower() != b"close"


def _header(top: bytes | bytearray, name: bytes) -> bytes | None:
    for line in top.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return bytes(value.strip())
    return None


class _Drive:
    def __init__(self, base_url: str, requests: Sequence[bytes]) -> None:
        url = urlsplit(base_url)
        self._address = (url.hostname or "", url.port or 80)
        self._waiting = list(reversed(requests))
        self._selector = selectors.DefaultSelector()
        self._seconds: list[float] = []
        self._errors: list[str] = []
        self._busy = 0

    def run(self, connections: int) -> Load:
        begin = time.perf_counter()
        lines = [_Line(self._address) for _ in range(connections)]
        for line in lines:
            self._next(line)
        while self._busy:
            ready = self._selector.select(TIMEOUT_SECONDS)
            if not ready:
                raise NoAnswer(f"{self._busy} requests without an answer for {TIMEOUT_SECONDS:g} s")
            for key, _ in ready:
                if key.data.unsent:
                    key.data.stands()
                    self._selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                else:
                    self._read(key.data)
        wall = time.perf_counter() - begin
        for line in lines:
            if line.sock is not None:
                line.sock.close()
        self._selector.close()
        return Load(wall, tuple(self._seconds), tuple(self._errors))

    def _next(self, line: _Line) -> None:
        if not self._waiting:
            return
        self._busy += 1
        line.ask(self._waiting.pop(), lambda sock, fresh: self._selector.register(sock, selectors.EVENT_WRITE, fresh))

    def _read(self, line: _Line) -> None:
        assert line.sock is not None
        try:
            piece = line.sock.recv(65536)
        except ConnectionResetError:
            piece = b""
        line.received += piece
        if piece and not line.whole():
            return
        if not piece or not line.stays:
            self._selector.unregister(line.sock)
            line.sock.close()
            line.sock = None
        if not line.received and not piece:  # an idle connection that the server has closed
            return
        self._busy -= 1
        self._seconds.append(time.perf_counter() - line.begun)
        status = bytes(line.received[:64]).split(b" ", 2)[1:2]
        if status != [b"200"]:
            self._errors.append(bytes(line.received[:300]).decode(errors="replace"))
        self._next(line)
