"""Reports of an earlier run, one JSON line each, in the user's cache folder. Never among the models."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

import domain.catalog
from adapters.model_store.report_codec import decoded, encoded, written
from domain.catalog.location import LocatedModel
from ports.report_index import RememberedReport

FORMAT = 3
KEPT_FILES = 16
# A folder that changed so recently may change again within one tick of its filesystem's clock.
TRUSTED_AFTER_NS = 2_000_000_000
# A file that was being written so long ago is nobody's: its writer was killed.
ABANDONED_AFTER_NS = 600_000_000_000


class FileReportIndex:
    """ReportIndex. folder: made on first save, private to the user. scope: what tells this catalog from others of the
    same user, for instance the folders it looks at. Safe with several processes: a file is replaced whole.
    """

    def __init__(self, folder: Path, scope: str = "") -> None:
        name = blake2b(scope.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        self._folder = folder
        self._path = folder / f"catalog-{name}.jsonl"

    def load(self, context: str, locations: Iterable[LocatedModel]) -> Mapping[str, RememberedReport]:
        wanted = {location.key: location for location in locations}
        try:
            return {key: decoded(fields, wanted[key]) for key, fields in self._entries(context) if key in wanted}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}

    def save(self, context: str, reports: Iterable[RememberedReport], *, everything: bool) -> None:
        fresh = {each.report.location.key: encoded(each) for each in reports if _settled(each)}
        try:
            kept = {} if everything else dict(self._entries(context))
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            kept = {}
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._replace([_header(context), *({**kept, **fresh}).items()])
            self._drop_old()
        except OSError:
            return

    def _entries(self, context: str) -> Iterator[tuple[str, Any]]:
        """What the file holds, if it was written in this context. Raises whatever a spoilt file makes it raise."""
        with self._path.open(encoding="utf-8", errors="strict") as lines:
            if json.loads(next(lines, "null")) == _header(context):
                yield from map(json.loads, lines)

    def _replace(self, entries: Iterable[object]) -> None:
        import tempfile  # brings several modules, and most runs save nothing

        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(written(entry) + "\n" for entry in entries)
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _drop_old(self) -> None:
        """Catalogs that were looked at long ago, on folders that may be gone, and what a killed save left."""
        files = sorted(self._folder.glob("catalog-*.jsonl"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[KEPT_FILES:]:
            path.unlink(missing_ok=True)
        for path in self._folder.glob(".new-*"):
            if path.stat().st_mtime_ns < time.time_ns() - ABANDONED_AFTER_NS:
                path.unlink(missing_ok=True)


def _header(context: str) -> list[object]:
    return ["mlxk catalog", FORMAT, context, _rules()]


def _rules() -> str:
    """Which rules judged: other code may judge otherwise."""
    folders = (Path(domain.catalog.__file__).parent, Path(__file__).parent)
    facts = [
        f"{entry.name} {found.st_size} {found.st_mtime_ns}"
        for folder in folders
        for entry in os.scandir(folder)
        if entry.name.endswith(".py")
        for found in [entry.stat()]
    ]
    return blake2b("\n".join(sorted(facts)).encode(), digest_size=16).hexdigest()


def _settled(remembered: RememberedReport) -> bool:
    return remembered.changed_ns < time.time_ns() - TRUSTED_AFTER_NS
