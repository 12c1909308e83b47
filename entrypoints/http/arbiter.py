"""gunicorn inside our own process: its configuration, its parent process and its log."""

from __future__ import annotations

import errno
import gc
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from entrypoints.http.access_log import log_answer
from entrypoints.http.worker import FrontWorker

if TYPE_CHECKING:
    from entrypoints.http.front import FrontPlan

log = logging.getLogger(__name__)

KEEPALIVE_SECONDS = 30
CLOSING_SECONDS = 8


class BridgedLog(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's log lines, through our handlers. It narrates its life at level info: ours begins at warning."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.propagate = True
        verbose = logging.getLogger().isEnabledFor(logging.DEBUG)
        self.error_log.setLevel(logging.INFO if verbose else logging.WARNING)

    def access(self, *told: Any) -> None:
        """When an answer has ended, on the thread of its request."""
        response, asked, environ, took = told
        log_answer(response, asked, environ, took, cut=sys.exc_info()[0] is not None)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A client that takes nothing for too long is no fault of ours."""
        fault = sys.exc_info()[1]
        if isinstance(fault, OSError) and fault.errno in (errno.EAGAIN, errno.ETIMEDOUT):
            log.debug("a client stopped reading")
        else:
            super().exception(msg, *args, **kwargs)

    def error(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """A worker that could not boot has said why itself."""
        if args[1:] != (Arbiter.WORKER_BOOT_ERROR,):
            super().error(msg, *args, **kwargs)


class EmbeddedServer(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured here and nowhere else. descriptor: the listening socket, given away."""

    def __init__(self, plan: FrontPlan, descriptor: int, connections: int) -> None:
        self.plan = plan
        self._descriptor = descriptor
        self._connections = connections
        super().__init__()

    def load_config(self) -> None:
        values = {
            "bind": f"fd://{self._descriptor}",
            "workers": 1,
            "worker_class": FrontWorker,
            "threads": self.plan.limits.threads,
            "worker_connections": self._connections,
            "limit_request_line": self.plan.limits.request_line_bytes,
            "limit_request_fields": self.plan.limits.header_fields,
            "limit_request_field_size": self.plan.limits.header_bytes,
            "timeout": 0,
            "graceful_timeout": int(self.plan.grace_seconds) + CLOSING_SECONDS,
            "keepalive": KEEPALIVE_SECONDS,
            "logger_class": BridgedLog,
            "accesslog": None,
            "control_socket_disable": True,
            "forwarded_allow_ips": "",
            "proc_name": "mlxk",
        }
        for name, value in values.items():
            self.cfg.set(name, value)

    def run(self) -> int:
        """Serve until a signal says stop. Returns the exit code.

        What is there now stays for good, so the serving process's collector need not look at it: each page that it
        looks at is copied.
        """
        arbiter = GracefulArbiter(self)
        gc.freeze()
        try:
            arbiter.run()
        except SystemExit as leaving:
            return arbiter.exit_code(leaving.code)
        return 0


class GracefulArbiter(Arbiter):  # type: ignore[misc]
    """The parent of the serving process. SIGINT, SIGTERM and SIGHUP stop gracefully, a second one at once."""

    def __init__(self, app: EmbeddedServer) -> None:
        super().__init__(app)
        self._stops: list[int] = []

    def exit_code(self, gunicorns: object) -> int:
        """0 after a graceful stop, 128 + signal after an impatient one, 1 when serving failed."""
        if len(self._stops) > 1:
            return 128 + self._stops[-1]
        return 0 if gunicorns in (0, None) else 1

    def init_signals(self) -> None:
        """`nohup` ignores SIGHUP for us: so it stays."""
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().init_signals()
        if nohup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def signal(self, sig: int, frame: Any) -> None:
        """Only queues: gunicorn's loop does the rest. A second stop is what gunicorn calls a quick one."""
        if sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._stops.append(sig)
            sig = signal.SIGTERM if len(self._stops) == 1 else signal.SIGQUIT
        super().signal(sig, frame)

    def stop(self, graceful: bool = True) -> None:
        super().stop(graceful and len(self._stops) < 2)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> NoReturn:
        log.debug("stopped: %s", reason or "asked to")
        self.stop()
        sys.exit(exit_status)

    def spawn_worker(self) -> Any:
        """A serving process ends here, instead of unwinding into what its parent was doing."""
        parent = os.getpid()
        try:
            return super().spawn_worker()
        except SystemExit as leaving:
            if os.getpid() == parent:
                raise
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(leaving.code if isinstance(leaving.code, int) else 1)

    def _nothing(self) -> None:
        """Neither more workers nor a new binary: there is one serving process."""

    handle_ttin = handle_ttou = handle_usr1 = handle_usr2 = handle_winch = _nothing
