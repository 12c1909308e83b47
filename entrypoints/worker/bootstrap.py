"""The worker's one door to the container."""

from __future__ import annotations

from dataclasses import dataclass

from ports.text_runtime import TextRuntime
from ports.worker_channel import WorkerChannel


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of."""

    channel: WorkerChannel
    runtime: TextRuntime


def build(fd: int) -> WorkerParts:
    """fd: the inherited end of the line to the front. Raises OSError when it is no socket."""
    from container import Container

    container = Container()
    return WorkerParts(container.frame_channel(fd), container.text_runtime())
