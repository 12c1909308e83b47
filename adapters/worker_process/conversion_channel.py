"""The converting child's end of the line."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from adapters.worker_process.conversion_messages import DONE, decode_job, encode_error, encode_stage
from adapters.worker_process.frames import FrameSocket
from domain.errors import MlxkError
from domain.workspace.progress import WorkProgress
from ports.converter import ConversionJob


class ConversionChannel:
    """Over the socket that the front handed down as a file descriptor."""

    def __init__(self, fd: int) -> None:
        """Raises OSError when `fd` is no socket."""
        line = socket.socket(fileno=fd)
        self._frames = FrameSocket(line)

    def receive(self) -> ConversionJob | None:
        """The job; None when the front has gone."""
        message = self._frames.receive()
        return None if message is None else decode_job(message)

    def on_hang_up(self, act: Callable[[], None]) -> None:
        """Call `act` from another thread when the front goes: nobody wants the work any more."""

        def listen() -> None:
            while self._frames.receive() is not None:
                pass
            act()

        threading.Thread(target=listen, name="mlxk-front-watch", daemon=True).start()

    def tell(self, progress: WorkProgress) -> None:
        self._frames.send(encode_stage(progress.stage))

    def finish(self, error: MlxkError | None) -> None:
        self._frames.send(DONE if error is None else encode_error(error))
