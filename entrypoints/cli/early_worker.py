"""A worker process that starts while the front still binds the command line, finds the model and checks the memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from entrypoints.cli.guard import Invocation
from entrypoints.cli.services import Context


@contextmanager
def early_worker(context: Context, invocation: Invocation) -> Iterator[None]:
    """For commands that load a model; however they end, it is not left behind. Where a server says that it runs, none
    is started: it may answer.
    """
    if not _worker_is_wanted(context, invocation):
        yield
        return
    launcher = context.services().worker_launcher()
    try:
        launcher.prepare()
        yield
    finally:
        launcher.close()


def _worker_is_wanted(context: Context, invocation: Invocation) -> bool:
    if invocation.command is None or not invocation.command.loads_model:
        return False
    alone = not invocation.command.asks_servers or bool(invocation.values.get("local"))
    return alone or not context.services().servers_announced()
