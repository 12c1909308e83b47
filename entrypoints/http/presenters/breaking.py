"""Answers that are sent as they are made, in bytes that have no room for an error."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import ExitStack
from errno import ECONNRESET

from flask import Response

from domain.errors import Interrupted, MlxkError
from entrypoints.http.presenters.sse import ClosingStream

log = logging.getLogger(__name__)


def until_it_breaks(pieces: Generator[bytes]) -> Generator[bytes]:
    """What breaks an answer under way ends the client's connection, so that it does not take half for the whole. Raises
    ConnectionResetError, which the server expects of connections.
    """
    try:
        yield from pieces
    except MlxkError as fault:
        if not isinstance(fault, Interrupted):
            log.warning("%s: %s", type(fault).__name__, fault.message)
        raise ConnectionResetError(ECONNRESET, fault.message) from fault


def in_pieces(pieces: Generator[bytes], held: ExitStack, content_type: str | None, status: int = 200) -> Response:
    """held: until all is sent, or nobody reads any more."""
    body = ClosingStream(pieces, held.close)
    return Response(body, status, content_type=content_type, direct_passthrough=True)
