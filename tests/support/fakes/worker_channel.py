"""A line to a worker whose other end is the test."""

from __future__ import annotations

import queue

from domain.errors import InternalError
from ports.worker_channel import Command, Reply


class Front:
    """WorkerChannel: `commands` go in, what the worker sends comes out of `hears`. An InternalError among the commands
    is raised in the worker, as for a message that is no command. `hang_up`: the front goes away.
    """

    def __init__(self) -> None:
        self.commands: queue.SimpleQueue[Command | InternalError | None] = queue.SimpleQueue()
        self.replies: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self.gone = False

    def receive(self) -> Command | None:
        command = self.commands.get()
        if isinstance(command, InternalError):
            raise command
        if command is None:
            self.commands.put(None)  # it has gone for good
        return command

    def send(self, reply: Reply) -> None:
        if self.gone:
            raise BrokenPipeError("the test has hung up")
        self.replies.put(reply)

    def hears(self) -> Reply:
        return self.replies.get(timeout=20)

    def hang_up(self) -> None:
        self.gone = True
        self.commands.put(None)
