"""The worker's one door to the container."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrypoints.worker.session import Runtimes
from ports.worker_channel import WorkerChannel

if TYPE_CHECKING:
    from collections.abc import Callable

    from domain.workspace.progress import OnWork
    from ports.conversion_line import ConversionLine
    from ports.converter import ConversionJob


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """What a worker is made of."""

    channel: WorkerChannel
    runtimes: Runtimes


def build(fd: int) -> WorkerParts:
    """fd: the inherited end of the line to the front. Raises OSError when it is no socket."""
    from container import Container

    container = Container()
    runtimes = Runtimes(container.text_runtime(), container.vector_runtime(), container.sound_runtime())
    return WorkerParts(container.frame_channel(fd), runtimes)


def build_conversion(fd: int) -> tuple[ConversionLine, Callable[[ConversionJob, OnWork], None]]:
    """A converting child's line to the front, and what does the work. Raises OSError when `fd` is no socket."""
    from container import Container

    container = Container()
    return container.conversion_line(fd), container.convert_here()
