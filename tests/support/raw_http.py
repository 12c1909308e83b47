"""HTTP by hand over a loopback socket, for requests that no decent client sends."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """headers: by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """One connection, used as a context. seconds: how long the server may say nothing."""

    def __init__(self, port: int, seconds: float = SECONDS) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._buffer = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, raw: bytes) -> None:
        self.sock.sendall(raw)

    def post(self, path: str, body: object) -> None:
        payload = json.dumps(body).encode()
        self.send(head("POST", path, {"Content-Type": "application/json", "Content-Length": len(payload)}) + payload)

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to the mark, and with it; raises EOFError when the server closes first."""
        while mark not in self._buffer:
            received = self.sock.recv(65536)
            if not received:
                raise EOFError(self._buffer)
            self._buffer += received
        found, self._buffer = self._buffer.split(mark, 1)
        return found + mark

    def answer(self) -> Answer:
        """A whole response with a Content-Length."""
        lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:-2])}
        length = int(headers["content-length"])
        while len(self._buffer) < length:
            self._buffer += self.sock.recv(65536)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(lines[0].split()[1]), headers, body)

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while received := self.sock.recv(65536):
            self._buffer += received
        return self._buffer


def head(method: str, path: str, headers: Mapping[str, object] | None = None) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
