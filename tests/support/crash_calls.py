"""Counts what a process changes on the disk, whichever way Python does it, so that it can be killed in between."""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.crash_driver import Bomb


class _Steps(Bomb):
    """Sees what a Bomb sees, and makes each change a step of somebody else's countdown."""

    def __init__(self, root: Path, step: Callable[[], None]) -> None:
        super().__init__(root, 0)
        self._step = step

    def tick(self) -> None:
        if self.armed:
            self._step()


class _TornFile(io.FileIO):
    """A file that takes at most half of what it is given, so that a long write is many steps."""

    def __init__(self, steps: _Steps, file: Any, mode: str, *, closefd: bool) -> None:
        super().__init__(file, mode, closefd=closefd)
        self._steps = steps

    def write(self, data: Any, /) -> int:
        self._steps.tick()
        view = memoryview(data).cast("B")
        return super().write(view[: max(len(view) // 2, 256)])


def count_changes(root: Path, step: Callable[[], None]) -> None:
    """From now on, and for the rest of this process, call `step` before every change below `root`: a file opened for
    writing, a part of a write, a flush, a rename, a link, a removal, a new folder.
    """
    steps = _Steps(root, step)
    real: Callable[..., Any] = io.open

    def opened(  # noqa: PLR0917 - as the built-in has it
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if opener is not None or "+" in mode or not set("wxa") & set(mode):
            return real(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = _TornFile(steps, file, mode.replace("b", "").replace("t", ""), closefd=closefd)
        buffered = io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    for module in (io, builtins):
        setattr(module, "open", opened)  # noqa: B010 - mypy knows better what it was
    for name in ("fsync", "write"):
        steps.wrap(name)
    sys.addaudithook(steps.hook)
    steps.armed = True
