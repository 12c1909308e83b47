"""A worker process that starts while the front still binds the command line, finds the model and checks the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from entrypoints.cli.guard import Invocation
from entrypoints.cli.services import Context


@contextmanager
def early_worker(context: Context, invocation: Invocation) -> Iterator[None]:
    """For commands that load a model. Where a server says that it runs, none is started: it may answer.

    However the command ends, no worker process is left.
    """
    if invocation.command is None or not invocation.command.loads_model:
        yield
        return
    services = context.services()
    launcher = services.worker_launcher()
    try:
        if invocation.values.get("local") or not services.servers_announced():
            launcher.prepare()
        yield
    finally:
        launcher.close()
