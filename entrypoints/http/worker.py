"""gunicorn's threaded worker, fitted for long streams and clients one cannot trust to be quick."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import signal
import sys
import threading
import time
from functools import partial
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Any

from gunicorn.arbiter import Arbiter
from gunicorn.http import errors as parsing
from gunicorn.workers.gthread import ThreadWorker

from domain.errors import MlxkError
from entrypoints.http.access_log import log_refusal
from entrypoints.http.connection import Connection
from entrypoints.http.errors import envelope, error_object, protocol_error, unexpected
from entrypoints.http.large_blocks import return_large_blocks
from entrypoints.http.patience import Patience, TooSlow
from entrypoints.http.request_ids import HEADER, begin_request

if TYPE_CHECKING:
    from entrypoints.http.front import Front

log = logging.getLogger(__name__)

# A connection that says nothing costs a socket, not a thread; this long.
FIRST_BYTE_SECONDS = 10.0
IDLE_AT_STOP_SECONDS = 0.25
NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
FAULTS: tuple[tuple[type[Exception], int, str], ...] = (
    (TooSlow, 408, "Request Timeout"),
    (parsing.LimitRequestLine, 414, "URI Too Long"),
    (parsing.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
    (parsing.ExpectationFailed, 417, "Expectation Failed"),
    (parsing.UnsupportedTransferCoding, 501, "Not Implemented"),
    (parsing.InvalidResponseHeader, 500, "Internal Server Error"),  # ours, not the client's
    (parsing.InvalidResponseHeaderName, 500, "Internal Server Error"),
    (parsing.ParseException, 400, "Bad Request"),
)


class FrontWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """The serving process. The event loop runs on its main thread, requests on the pool's.

    SIGTERM ends it gracefully and SIGQUIT at once; both come from the parent. What a terminal sends to its whole group
    (Ctrl-C, and SIGHUP when it closes) is ignored here and in the children: only the parent answers it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_keepalived = self.worker_connections * 3 // 4
        self._patience = Patience(self.app.plan.limits)
        self._front: Front | None = None
        self._exit_code = 0

    def init_signals(self) -> None:
        super().init_signals()
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def init_process(self) -> None:
        """Everything this process does. Its model workers are gone when it ends."""
        return_large_blocks()
        try:
            super().init_process()
        finally:
            if self._front is not None:
                self._front.close()

    def load_wsgi(self) -> None:
        from entrypoints.http.front import Front

        try:
            self._front = Front(self.app.plan)
        except MlxkError as fault:
            log.error("cannot serve: %s", fault.message)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        self.wsgi = self._front.wsgi

    def run(self) -> None:
        if self._front is not None:
            self._front.bring_up(announce=self.age == 1, on_failure=self._give_up)
        super().run()

    def _give_up(self) -> None:
        """From any thread: end this process, and the parent with it."""
        self._exit_code = Arbiter.WORKER_BOOT_ERROR
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGQUIT)

    def handle_quit(self, *_: Any) -> None:
        self.alive = False
        sys.exit(self._exit_code)

    def accept(self, listener: Any) -> None:
        """Take a connection, and wait for its first bytes in the event loop instead of in a thread."""
        try:
            client, address = listener.accept()
        except OSError as fault:
            if fault.errno in NO_DESCRIPTORS:
                log.warning("no more connections can be taken now: %s", fault.strerror)
                time.sleep(0.05)
            elif fault.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                raise
            return
        try:
            connection = Connection(self.cfg, client, (address, listener.getsockname()), self._patience)
        except OSError:  # macOS says so when the client has gone already
            client.close()
            return
        self.nr_conns += 1
        connection.timeout = time.monotonic() + FIRST_BYTE_SECONDS
        self.pending_conns.append(connection)
        self.poller.register(connection.sock, EVENT_READ, partial(self.on_pending_socket_readable, connection))

    def handle(self, conn: Connection) -> Any:
        """Serve one request. A connection that ends here lingers in this thread: gunicorn would on its event loop."""
        keep = super().handle(conn)
        if keep is False:
            conn.close(graceful=True)
        return keep

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Whether another request may come. gunicorn would hold this thread for seconds, whoever else waits for one."""
        return keepalive and conn.finish_body()

    def handle_error(self, *told: Any) -> None:
        """Answer what is no HTTP request in the form all our errors have."""
        _, client, address, fault = told
        request_id = begin_request(None)
        status, reason = next(
            (each[1:] for each in FAULTS if isinstance(fault, each[0])), (500, "Internal Server Error")
        )
        if status == 500:
            log.error("a request failed", exc_info=fault)
            error = error_object(unexpected())
        else:
            log.debug("no request of HTTP, from %s: %s", address, fault)
            error = protocol_error(reason.lower().replace(" ", "_"), str(fault) or "the request came too slowly")
        body = json.dumps(envelope(error)).encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"{HEADER}: {request_id}\r\nConnection: close\r\n\r\n"
        )
        log_refusal(status, len(body))
        if self._front is not None:
            self._front.count_unreadable(status)
        with contextlib.suppress(OSError):
            client.sendall(head.encode() + body)

    def _cap_keepalive(self, deadline: float) -> None:
        """gunicorn calls this once, when it has stopped accepting and before it waits for running requests."""
        soon = min(deadline, time.monotonic() + IDLE_AT_STOP_SECONDS)
        super()._cap_keepalive(soon)
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, soon)
        for listener in self.sockets:
            listener.close()
        if self._front is not None:
            self._front.begin_stop()
