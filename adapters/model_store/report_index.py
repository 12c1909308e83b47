"""Reports of an earlier run, one JSON line each, in the user's cache folder. Never among the models."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import domain.catalog
from domain.catalog.location import LocatedModel, ModelSource
from domain.catalog.report import ModelReport
from ports.report_index import RememberedReport

FORMAT = 1
KEPT_FILES = 16
# A folder that changed so recently may change again within one tick of its filesystem's clock.
TRUSTED_AFTER_NS = 2_000_000_000
_PLAIN = (
    "size_bytes", "framework", "model_type", "healthy", "health_reason", "runtime_compatible", "reason",
    "context_length", "display_name", "origin", "content_hash", "hash_modified", "clean", "managed", "architecture",
    "weights_bytes", "backend", "dropped", "evidence",
)  # fmt: skip


class FileReportIndex:
    """ReportIndex. folder: made on first save, private to the user. scope: what tells this catalog from others of the
    same user, for instance the folders it looks at. Safe with several processes: a file is replaced whole.
    """

    def __init__(self, folder: Path, scope: str = "") -> None:
        name = blake2b(scope.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        self._folder = folder
        self._path = folder / f"catalog-{name}.jsonl"

    def load(self, context: str) -> Mapping[str, RememberedReport]:
        try:
            with self._path.open(encoding="utf-8", errors="strict") as lines:
                if json.loads(next(lines, "null")) != _header(context):
                    return {}
                return {key: _decoded(fields) for key, fields in map(json.loads, lines)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}

    def save(self, context: str, reports: Mapping[str, RememberedReport]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._replace(_lines(context, reports))
            self._drop_old()
        except OSError:
            return

    def _replace(self, lines: Iterator[str]) -> None:
        descriptor, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(lines)
            Path(temporary).replace(self._path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _drop_old(self) -> None:
        """Catalogs that were looked at long ago, on folders that may be gone."""
        files = sorted(self._folder.glob("catalog-*.jsonl"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in files[KEPT_FILES:]:
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


def _lines(context: str, reports: Mapping[str, RememberedReport]) -> Iterator[str]:
    yield json.dumps(_header(context)) + "\n"
    newest = time.time_ns() - TRUSTED_AFTER_NS
    for key, remembered in reports.items():
        if remembered.changed_ns < newest:
            yield json.dumps([key, _encoded(remembered)], separators=(",", ":")) + "\n"


def _encoded(remembered: RememberedReport) -> list[object]:
    report = remembered.report
    location = report.location
    return [
        remembered.fingerprint,
        remembered.changed_ns,
        [location.name, str(location.path), location.source.value, location.revision],
        report.last_modified.isoformat(),
        report.capabilities,
        report.findings,
        [dict(value) if isinstance(value := getattr(report, name), Mapping) else value for name in _PLAIN],
    ]


def _decoded(fields: Any) -> RememberedReport:
    fingerprint, changed_ns, (name, path, source, revision), modified, capabilities, findings, plain = fields
    report = ModelReport(
        location=LocatedModel(name, Path(path), ModelSource(source), revision),
        last_modified=datetime.fromisoformat(modified),
        capabilities=tuple(capabilities),
        findings=tuple(findings),
        **dict(zip(_PLAIN, plain, strict=True)),
    )
    return RememberedReport(fingerprint, changed_ns, report)
