"""A converting child's line to its front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from domain.errors import MlxkError
from domain.workspace.progress import WorkProgress
from ports.converter import ConversionJob


class ConversionLine(Protocol):
    """One job in, stages and one end out. One thread speaks."""

    def receive(self) -> ConversionJob | None:
        """Blocks for the job; None when the front has gone."""

    def on_hang_up(self, act: Callable[[], None]) -> None:
        """Call `act`, from another thread, when the front goes: nobody wants the work any more."""

    def tell(self, progress: WorkProgress) -> None:
        """Pass the stage on. Raises BrokenPipeError when the front has gone."""

    def finish(self, error: MlxkError | None) -> None:
        """The end: None for success. Raises BrokenPipeError when the front has gone."""
