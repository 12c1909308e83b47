"""The worker's end of the line."""

from __future__ import annotations

import os
import socket

from adapters.worker_process.frames import FrameSocket
from adapters.worker_process.messages import decode_command, encode_reply, reply_tails
from ports.worker_channel import Command, Reply


class FrameChannel:
    """WorkerChannel over the socket that the front handed down as a file descriptor."""

    def __init__(self, fd: int) -> None:
        """Raises OSError when `fd` is no socket."""
        # A helper that a library starts must not keep the line open after us.
        os.set_inheritable(fd, False)  # noqa: FBT003
        self._frames = FrameSocket(socket.socket(fileno=fd))

    def receive(self) -> Command | None:
        message = self._frames.receive()
        return None if message is None else decode_command(message)

    def send(self, reply: Reply) -> None:
        self._frames.send(encode_reply(reply), reply_tails(reply))

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._frames.close()
