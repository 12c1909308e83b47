"""`mlxk worker convert --fd N`: one conversion in a process of its own. Started by mlxk itself, never by hand."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence

from domain.errors import MlxkError


def main(argv: Sequence[str]) -> int:
    """Returns the exit code. SIGINT is the front's business: it ends this process by hanging up."""
    parser = argparse.ArgumentParser(prog="mlxk worker convert", description="internal: converts one model")
    parser.add_argument("--fd", type=int, required=True, help="the inherited socket to the front")
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _silence()
    from entrypoints.worker.bootstrap import build_conversion

    channel, convert = build_conversion(options.fd)
    job = channel.receive()
    if job is None:
        return 0
    channel.on_hang_up(lambda: os._exit(0))
    error: MlxkError | None = None
    try:
        convert(job, channel.tell)
    except MlxkError as fault:
        error = fault
    channel.finish(error)
    return 0 if error is None else 1


def _silence() -> None:
    """What libraries print is not for the user: everything that matters goes over the line."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
