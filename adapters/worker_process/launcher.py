"""Starts workers, and keeps one ready."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from adapters.worker_process.process import ChildProcess, deaf_to_ctrl_c, worker_command, worker_environment
from domain.errors import ModelLoadFailed, ServerShutdown

if TYPE_CHECKING:
    from adapters.worker_process.worker import ProcessWorker
    from domain.catalog import LocatedModel
    from domain.serving.load_options import LoadOptions


class ProcessWorkerLauncher:
    """WorkerLauncher over child processes.

    keep_spare: after a model has loaded, start one more process that does its imports and waits for the next load (a
    cold start is 1.5 s, most of it imports). Never while a model is loading: the two would slow each other down.

    Invariant, under `_lock`: a process is in `_loading`, or it is `_spare`, or it belongs to its owner; once `_closed`
    there are none of the first two kinds, and none come.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        keep_spare: bool,
        command: Sequence[str] | None = None,
        debug: bool = False,
        captured: bool = False,
    ) -> None:
        """environ: the environment the workers get (without its secrets). command: another way to start them. debug:
        they tell more on stderr. captured: what they tell there becomes lines of this process's log.
        """
        self._environment = worker_environment(environ)
        self._command = command or worker_command()
        self._flags = [flag for flag, wanted in (("--debug", debug), ("--log-json", captured)) if wanted]
        self._captured = captured
        self._keep_spare = keep_spare
        self._lock = threading.Lock()
        self._spare: ProcessWorker | None = None
        self._loading: set[ProcessWorker] = set()
        self._closed = False

    @property
    def spare_process_id(self) -> int | None:
        """The process that waits for the next model, if one does."""
        spare = self._spare
        return spare.process_id if spare is not None else None

    def prepare(self) -> None:
        with deaf_to_ctrl_c(), self._lock:  # what has been started must be known to `close`
            self._start_spare()

    def launch(self, model: LocatedModel, options: LoadOptions) -> ProcessWorker:
        """Also raises ModelNotRunnable when the worker says so, ServerShutdown once the launcher is closed."""
        with self._loading_worker() as worker:
            worker.load(model, options)
        return worker

    def close(self) -> None:
        """Ends the spare, and workers that are still loading: their `launch` raises EngineDied."""
        with self._lock:
            self._closed = True
            unwanted = [*self._loading, *([self._spare] if self._spare else [])]
            self._spare = None
        for worker in unwanted:
            worker.close()

    @contextlib.contextmanager
    def _loading_worker(self) -> Iterator[ProcessWorker]:
        """A process to load a model in; ended again when that fails or is interrupted."""
        worker = self._take_process()
        try:
            yield worker
        except BaseException:
            worker.close()
            raise
        finally:
            with self._lock:
                self._loading.discard(worker)
                if self._keep_spare:
                    self._start_spare()

    def _take_process(self) -> ProcessWorker:
        with self._lock:
            if self._closed:
                raise ServerShutdown("no more models are loaded: mlxk is stopping")
            spare, self._spare = self._spare, None
            try:
                worker = spare if spare is not None and spare.alive else self._start()
            except OSError as fault:
                raise ModelLoadFailed(f"no engine process can be started: {fault}") from fault
            self._loading.add(worker)
        if spare is not None and spare is not worker:
            spare.close()
        return worker

    def _start_spare(self) -> None:
        if not self._closed and not self._loading and self._spare is None:
            with contextlib.suppress(OSError):  # without a spare the next start is a cold one, and says what is wrong
                self._spare = self._start()

    def _start(self) -> ProcessWorker:
        child = ChildProcess(self._command, self._environment, self._flags, captured=self._captured)
        from adapters.worker_process.worker import ProcessWorker  # while the child starts, not before

        return ProcessWorker(child)
