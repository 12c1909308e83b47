"""What lay in a workspace when a worker loaded it."""

from __future__ import annotations

import threading

from application.catalog.completion import Complete, unchanged
from domain.catalog import ModelReport
from ports.model_worker import LoadedModel

REMEMBERED = 256


class KnownContents:
    """A sentinel says what its folder held once; the files may have been changed since, and again under a worker, which
    reads none of them twice. So the folder is looked at once for each worker, at its first answer or when it has been
    brought in. Thread-safe. complete: the report with the content hash of what lies there now.
    """

    def __init__(self, complete: Complete = unchanged) -> None:
        self._complete = complete
        self._guard = threading.Lock()
        self._known: dict[tuple[str, int], str | None] = {}

    def hash_of(self, report: ModelReport, loaded: LoadedModel) -> str | None:
        """None for what has none: all but workspaces that mlxk manages."""
        if report.content_hash is None:
            return None
        key = (report.location.identity, loaded.process_id)
        with self._guard:
            if key in self._known:
                return self._known[key]
        found = self._complete(report).content_hash
        with self._guard:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            return self._known.setdefault(key, found)
