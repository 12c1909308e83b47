"""`mlxk worker --fd N`: the engine process. Started by mlxk itself, never by hand."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence

from entrypoints.logs.formats import JsonFormatter
from entrypoints.logs.redaction import Redactor
from entrypoints.worker.session import WorkerSession
from ports.worker_channel import OUT_OF_MEMORY

log = logging.getLogger("mlxk.worker")

FAULT = 70
PLAIN = "mlxk worker %(process)d: %(message)s"
OURS = ("adapters", "application", "domain", "entrypoints")


def main(argv: Sequence[str]) -> int:
    """Returns the exit code. SIGINT is ignored: a terminal's Ctrl-C belongs to the front, which ends its workers."""
    if argv[:1] == ["convert"]:
        from entrypoints.worker.convert import main as convert

        return convert(argv[1:])
    parser = argparse.ArgumentParser(prog="mlxk worker", description="internal: the engine process of mlxk")
    parser.add_argument("--fd", type=int, required=True, help="the inherited socket to the front")
    parser.add_argument("--debug", action="store_true", help="tell more on stderr")
    parser.add_argument("--log-json", action="store_true", help="tell it in JSON lines, for the front's log")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _log_to_stderr(debug=options.debug, as_json=options.log_json)
    from entrypoints.worker.bootstrap import build

    try:
        parts = build(options.fd)
    except OSError as fault:
        _complain(f"--fd {options.fd} is no socket: {fault}")
        return 2
    session = WorkerSession(parts.channel, parts.runtimes, _end_process)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: session.drain())
    try:
        return session.run()
    except BrokenPipeError:
        return 0  # the front has gone, and with it everybody who could be told
    except MemoryError as fault:
        _complain(f"the engine ran out of memory: {fault}")
        return OUT_OF_MEMORY
    except Exception as fault:  # noqa: BLE001 - the process's last words; the front sees EngineDied
        _complain(f"the engine failed: {type(fault).__name__}: {fault}")
        return FAULT


def _log_to_stderr(*, debug: bool, as_json: bool) -> None:
    """Warnings of everybody; with `debug` also what our own code tells, but not what libraries do. The front that reads
    JSON lines hides what must not be shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(Redactor()) if as_json else logging.Formatter(PLAIN))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    if debug:
        for name in OURS:
            logging.getLogger(name).setLevel(logging.DEBUG)


def _end_process(complaint: str | None) -> None:
    """Not sys.exit: that would wait for an engine in the middle of a long step."""
    if complaint is not None:
        _complain(complaint)
    os._exit(0 if complaint is None else FAULT)


def _complain(message: str) -> None:
    log.error("%s", message)
