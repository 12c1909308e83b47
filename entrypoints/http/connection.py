"""A client's connection, as the server holds it."""

from __future__ import annotations

import socket
import struct
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import TConn

from entrypoints.http.patience import Patience, PatientReader, TooSlow

LINGER_SECONDS = 1.0
HASTY_LINGER_SECONDS = 0.05  # when many linger already
UNREAD_BYTES = 64 * 1024
LINGER_BYTES = 64 * 1024 * 1024


class Connection(TConn):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's connection with deadlines: for each request as it comes in (patience), and for a client that takes
    nothing of its answer (send_seconds, kept by the kernel). `close` may be called twice.
    """

    def __init__(self, cfg: Any, sock: socket.socket, addresses: tuple[Any, Any], patience: Patience) -> None:
        client, server = addresses
        super().__init__(cfg, sock, client, server)
        self._patience = patience
        self._reader: PatientReader | None = None
        self._closed = False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", patience.send_seconds, 0))

    def init(self) -> None:
        """Called before each request."""
        super().init()
        if self._reader is None:
            self._reader = self.parser.unreader = PatientReader(self.sock, self._patience)
        self._reader.begin_request()

    def finish_body(self) -> bool:
        """Take what no route has read of a body, as patiently as if one did. False: there is too much, it is broken,
        or it does not come, and no further request can be read from here.
        """
        try:
            return bool(self.parser.finish_body(max_bytes=UNREAD_BYTES))
        except (TooSlow, ParseException):
            return False

    def close(self, graceful: bool = False) -> None:
        """graceful: take what the client still sends for a moment, so that it reads our answer before a reset."""
        if self._closed:
            return
        self._closed = True
        if graceful and not (self._reader is not None and self._reader.gave_up):
            self.sock.settimeout(None)
            with self._patience.place() as granted:
                seconds = LINGER_SECONDS if granted else HASTY_LINGER_SECONDS
                util.close_graceful(self.sock, timeout=seconds, max_drain=LINGER_BYTES)
        else:
            util.close(self.sock)
