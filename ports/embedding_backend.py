"""Another server that turns texts into vectors for models that are not here."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

# Says that a request has been sent on once: it goes no further, so that servers which name one another make no circle.
FORWARDED = "X-Mlxk-Forwarded"


@dataclass(frozen=True, slots=True)
class BackendAnswer:
    """content_type: as it came, "" without one. body: in pieces; reading them raises BackendFailed or BackendTimeout
    when the rest does not come; to be closed in every case.
    """

    status: int
    content_type: str
    body: Generator[bytes]


class EmbeddingBackend(Protocol):
    """Thread-safe."""

    def ask(self, body: bytes) -> BackendAnswer:
        """Send the body of POST /v1/embeddings as it is; whatever comes back is an answer, an error of its own too.
        Follows no redirect and sends nothing of the client's but that, with FORWARDED.

        Raises BackendFailed, BackendTimeout.
        """
