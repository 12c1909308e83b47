"""HTTP to a server of ours, over one socket: http.client brings the mail parser and TLS, which takes longer to import
than the whole exchange.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator

CONNECT_SECONDS = 0.05
SEND_SECONDS = 30.0
LONGEST_HEAD = 64 * 1024
LONGEST_WORD = 64 * 1024  # of a server that has proved nothing yet
PIECE = 64 * 1024


class Line:
    """A connection. One consumer; `hang_up` from any thread. Everything raises OSError when the line breaks (a slow
    server is TimeoutError) and ValueError for what is no HTTP. authorization: the header's value for a method and a
    path, "" for none.
    """

    def __init__(
        self, host: str, port: int, authorization: Callable[[str, str], str] = lambda _method, _path: ""
    ) -> None:
        self._authorization = authorization
        self._socket = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._deadline: float | None = None

    def get(self, path: str, seconds: float, statuses: tuple[int, ...] = (200,)) -> object:
        """The JSON of a short answer with one of these statuses, all within `seconds`; the line stays open."""
        self._deadline = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{self._common('GET', path)}\r\n".encode("ascii"))
        status, headers = self.head()
        length = int(headers.get("content-length", "-1"))
        if status not in statuses or not 0 <= length <= LONGEST_WORD:
            raise ValueError(f"status {status}, {length} bytes")
        while len(self._buffer) < length:
            self._fill()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        self._deadline = None
        try:
            return json.loads(body)
        except RecursionError as fault:
            raise ValueError("JSON nested too deeply") from fault

    def post(self, path: str, body: bytes) -> None:
        """As HTTP/1.0, so that the answer comes as it is, without chunks, and ends with the connection."""
        head = (
            f"POST {path} HTTP/1.0\r\n{self._common('POST', path)}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._socket.settimeout(SEND_SECONDS)
        self._socket.sendall(head.encode("ascii") + body)
        self._socket.settimeout(None)

    def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers, by lower-case name."""
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > LONGEST_HEAD:
                raise ValueError("no end of the headers")
            self._fill()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        first, *others = head.decode("latin-1").split("\r\n")
        protocol, status = first.split(" ", 2)[:2]
        if not protocol.startswith("HTTP/1."):
            raise ValueError(f"no HTTP: {first[:40]}")
        pairs = (each.partition(":") for each in others)
        return int(status), {name.strip().lower(): value.strip() for name, _, value in pairs}

    def body_lines(self) -> Iterator[bytes]:
        """Up to the end of the connection; without line ends."""
        while True:
            *lines, self._buffer = self._buffer.split(b"\n")
            yield from lines
            piece = self._socket.recv(PIECE)
            if not piece:
                break
            self._buffer += piece
        if self._buffer:
            yield self._buffer

    def body(self, length: int) -> bytes:
        """A whole body of so many bytes."""
        pieces, left = [self._buffer], length - len(self._buffer)
        while left > 0:
            piece = self._socket.recv(min(left, PIECE))
            if not piece:
                raise ConnectionResetError("the server closed the line before the end of its answer")
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def hang_up(self) -> None:
        """Wakes whoever reads. Raises nothing."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()

    def _common(self, method: str, path: str) -> str:
        value = self._authorization(method, path.partition("?")[0])
        return "Host: localhost\r\n" + (f"Authorization: {value}\r\n" if value else "")

    def _fill(self) -> None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the server is slow")
            self._socket.settimeout(left)
        piece = self._socket.recv(PIECE)
        if not piece:
            raise ConnectionResetError("the server closed the line")
        self._buffer += piece
