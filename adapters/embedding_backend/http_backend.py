"""EmbeddingBackend over HTTP: one connection a request, to the one address that the owner has named."""

from __future__ import annotations

import socket
from collections.abc import Generator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from domain.errors import BackendFailed, BackendTimeout, MlxkError
from ports.embedding_backend import FORWARDED, BackendAnswer

CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 120.0
PIECE_BYTES = 64 * 1024
MOST_BYTES = 512 * 1024 * 1024  # more than 2,048 vectors of any model
ROUTE = "/v1/embeddings"
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity", FORWARDED: "1"}


class HttpEmbeddingBackend:
    """url: http(s)://host[:port], with the path of the API or without it. The environment's proxies are not used.
    silence_seconds: the longest pause of the server.
    """

    def __init__(self, url: str, silence_seconds: float = SILENCE_SECONDS) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/").removesuffix(ROUTE).removesuffix("/v1") + ROUTE
        self._silence_seconds = silence_seconds
        self._named = f"{parts.scheme}://{parts.netloc}"

    def ask(self, body: bytes) -> BackendAnswer:
        line = (HTTPSConnection if self._secure else HTTPConnection)(self._host, self._port, timeout=CONNECT_SECONDS)
        try:
            line.connect()
            line.sock.settimeout(self._silence_seconds)
            line.request("POST", self._path, body, HEADERS)
            answer = line.getresponse()
        except (OSError, HTTPException) as fault:
            line.close()
            raise self._fault(fault) from fault
        return BackendAnswer(answer.status, answer.getheader("Content-Type", ""), self._pieces(line, answer))

    def _pieces(self, line: HTTPConnection, answer: HTTPResponse) -> Generator[bytes]:
        left = MOST_BYTES
        try:
            while piece := answer.read1(PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    raise BackendFailed(f"the embedding backend {self._named} sends more than {MOST_BYTES:,} bytes")
                yield piece
            if answer.length:
                raise BackendFailed(f"the embedding backend {self._named} stopped in the middle of its answer")
        except (OSError, HTTPException) as fault:
            raise self._fault(fault) from fault
        finally:
            line.close()

    def _fault(self, fault: Exception) -> MlxkError:
        hint = "is it running? --embed-backend names it"
        if isinstance(fault, socket.timeout):
            return BackendTimeout(f"the embedding backend {self._named} does not answer in time", hint=hint)
        return BackendFailed(f"the embedding backend {self._named} cannot be asked: {fault}", hint=hint)
