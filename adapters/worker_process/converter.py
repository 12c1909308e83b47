"""Conversions in a child process: MLX may abort the process it runs in, and its memory must really come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from adapters.worker_process.conversion_messages import decode_error, encode_job
from adapters.worker_process.process import ChildProcess, worker_command, worker_environment
from domain.errors import EngineDied
from domain.workspace.progress import OnWork, Stage, WorkProgress
from ports.converter import ConversionJob

LOOK_SECONDS = 0.5


class ProcessConverter:
    """Converter. recipes: how to learn the offered ones without importing MLX's libraries."""

    def __init__(
        self, environ: Mapping[str, str], recipes: Callable[[], Sequence[str]], command: Sequence[str] | None = None
    ) -> None:
        self._environment = worker_environment(environ)
        self._recipes = recipes
        self._command = tuple(command or (*worker_command(), "convert"))

    def recipes(self) -> Sequence[str]:
        return self._recipes()

    def convert(self, job: ConversionJob, progress: OnWork) -> None:
        child = ChildProcess(self._command, self._environment)
        try:
            self._listen(child, job, progress)
        finally:
            child.end()

    def _listen(self, child: ChildProcess, job: ConversionJob, progress: OnWork) -> None:
        try:
            child.frames.send(encode_job(job))
        except BrokenPipeError:
            raise self._died(child) from None
        with _Watch(Path(job.target), progress) as watch:
            while (message := child.frames.receive()) is not None:
                match message.get("kind"):
                    case "stage":
                        watch.stage = Stage(str(message["stage"]))
                        progress(WorkProgress(watch.stage))
                    case "done":
                        return
                    case _:
                        raise decode_error(message)
        raise self._died(child)

    def _died(self, child: ChildProcess) -> EngineDied:
        return EngineDied(
            f"the converting process {child.end()} before it had finished",
            hint="it may have wanted more memory than there is: close other programs, or take fewer bits",
        )


class _Watch:
    """Tells twice a second how many bytes of weights have been written."""

    def __init__(self, folder: Path, progress: OnWork) -> None:
        self.stage = Stage.LOADING
        self._folder = folder
        self._progress = progress
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mlxk-convert-progress", daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            if self.stage is Stage.SAVING:
                self._progress(WorkProgress(self.stage, done_bytes=self._written()))

    def _written(self) -> int:
        try:
            return sum(path.stat().st_size for path in self._folder.glob("*.safetensors"))
        except OSError:
            return 0
