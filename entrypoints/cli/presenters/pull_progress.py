"""A pull while it runs: bars on a terminal, JSON lines on standard error, or only its warnings."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from domain.hub.pull import OnProgress, Progress, ProgressKind, silent
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.formatting import shorten, size
from entrypoints.cli.presenters.hub_json import plan_object

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_BETWEEN_LINES_SECONDS = 0.2
_NAME_COLUMNS = 32
_SAID = (ProgressKind.WARNING, ProgressKind.WAITING, ProgressKind.RETRY)


@contextmanager
def progress_for(console: Console, kind: str) -> Iterator[OnProgress]:
    """kind: auto, json or none, as the option has them."""
    if kind == "none":
        yield silent
    elif kind == "json":
        yield JsonLines(console)
    elif console.output_is_terminal and not console.json:
        with Bars(console) as bars:
            yield bars
    else:
        yield Remarks(console)


class Remarks:
    """What people should know although nothing moves on their screen: plan, warnings, waiting, trying again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()

    def __call__(self, progress: Progress) -> None:
        text = remark(progress)
        if text:
            with self._lock:
                self._console.note(text)


def remark(progress: Progress) -> str:
    """An event in words; "" for those that only move a bar."""
    if progress.kind in _SAID:
        label = "Warning: " if progress.kind is ProgressKind.WARNING else ""
        return f"{label}{printable(progress.text)}"
    if progress.kind is ProgressKind.PLAN and progress.plan is not None and progress.plan.fetch:
        plan = progress.plan
        here = f", {size(plan.cached_bytes)} are here" if plan.cached_bytes else ""
        return f"Fetching {size(plan.fetch_bytes)} in {len(plan.fetch)} of {len(plan.files)} files{here}"
    return ""


class JsonLines:
    """One JSON object a line on standard error. Lines of kind `bytes` come a few times a second for each file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}

    def __call__(self, progress: Progress) -> None:
        with self._lock:
            if progress.kind in (ProgressKind.BYTES, ProgressKind.VERIFYING) and self._too_soon(progress):
                return
            self._console.complain(json.dumps(_line(progress)))

    def _too_soon(self, progress: Progress) -> bool:
        now = time.monotonic()
        if now - self._last.get(progress.file, -1.0) < _BETWEEN_LINES_SECONDS:
            return progress.done_bytes < progress.total_bytes
        self._last[progress.file] = now
        return False


def _line(progress: Progress) -> dict[str, object]:
    body: dict[str, object] = {"event": progress.kind.value}
    if progress.file:
        body |= {"file": progress.file, "done_bytes": progress.done_bytes, "total_bytes": progress.total_bytes}
    if progress.text:
        body["text"] = progress.text
    if progress.plan is not None:
        body["plan"] = plan_object(progress.plan)
    return body


class Bars:
    """A bar for each file under way and one for the whole, drawn by rich, which has a thread of its own for it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._bars = self._make()

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def __call__(self, progress: Progress) -> None:
        text = remark(progress)
        with self._lock:
            if text:
                self._bars.console.print(text, markup=False, highlight=False)
            if progress.file and progress.total_bytes:
                self._move(progress)

    def _move(self, progress: Progress) -> None:
        name = shorten(printable(progress.file), _NAME_COLUMNS)
        task = self._tasks.get(progress.file)
        if task is None:
            task = self._tasks[progress.file] = self._bars.add_task(
                name, total=progress.total_bytes, completed=progress.done_bytes
            )
        if progress.kind is ProgressKind.FILE_DONE:
            self._bars.remove_task(task)
            del self._tasks[progress.file]
        elif progress.kind is not ProgressKind.RETRY:
            label = f"checking {name}" if progress.kind is ProgressKind.VERIFYING else name
            self._bars.update(task, completed=progress.done_bytes, description=label)

    def _make(self) -> RichProgress:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress

        return RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=RichConsole(file=self._console.stream, width=self._console.width, highlight=False),
            transient=True,
        )
