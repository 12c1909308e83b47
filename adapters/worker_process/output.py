"""What a worker says on its stdout and stderr, as lines of the front's log."""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import Any

LONGEST_LINE = 64 * 1024
LAST_WORDS_SECONDS = 0.5
RAW = logging.WARNING  # libraries in a worker are told to be quiet: what they print all the same is worth a look
_LOG = logging.getLogger("mlxk.worker")


class WorkerOutput:
    """Reads a pipe on a thread of its own until everybody who could write to it has gone.

    A worker's own log lines are JSON objects (entrypoints/logs/formats.py) and keep their level; any other line is of a
    library, or of a process that is being killed. name: of the worker's model, once it has one.
    """

    def __init__(self, descriptor: int, process_id: int) -> None:
        self.name = ""
        self._process_id = process_id
        self._descriptor = descriptor
        self._thread = threading.Thread(target=self._read, name=f"mlxk-output-{process_id}", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """For a moment, after the process has ended: until its last words are in the log."""
        self._thread.join(LAST_WORDS_SECONDS)

    def _read(self) -> None:
        with os.fdopen(self._descriptor, "rb") as pipe:
            while line := pipe.readline(LONGEST_LINE):
                if text := line.decode("utf-8", "replace").rstrip():
                    self._log(text)

    def _log(self, text: str) -> None:
        told = _own_line(text)
        level, logger = (RAW, _LOG) if told is None else (_level(told), logging.getLogger(str(told["logger"])))
        if not logger.isEnabledFor(level):
            return
        whose = f"worker {self._process_id}" + (f" ({self.name})" if self.name else "")
        words = text if told is None else told["msg"]
        record = logger.makeRecord(logger.name, level, "", 0, "%s: %s", (whose, words), None)
        record.fields = {"process": self._process_id} | ({"model": self.name} if self.name else {})
        if told is not None:
            record.exc_text = told.get("trace")
        logger.handle(record)


def _own_line(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(told, dict) and all(isinstance(told.get(name), str) for name in ("level", "logger", "msg"))
    return told if whole and isinstance(told.get("trace", ""), str) else None


def _level(told: dict[str, Any]) -> int:
    return logging.getLevelNamesMapping().get(told["level"], RAW)
