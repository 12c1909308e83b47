"""A judged model as JSON: for the index on the disk, and for the way from one process to another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.catalog.location import LocatedModel
from domain.catalog.report import ModelReport
from ports.report_index import RememberedReport

written = json.JSONEncoder(separators=(",", ":")).encode
_PLAIN = (
    "size_bytes", "framework", "model_type", "healthy", "health_reason", "runtime_compatible", "reason",
    "context_length", "display_name", "origin", "content_hash", "hash_modified", "clean", "managed", "architecture",
    "weights_bytes", "backend", "dropped", "evidence",
)  # fmt: skip


def encoded(remembered: RememberedReport) -> list[object]:
    """JSON-ready; all but the location, which whoever decodes it must know."""
    report = remembered.report
    return [
        remembered.fingerprint,
        remembered.changed_ns,
        report.last_modified.isoformat(),
        report.capabilities,
        report.findings,
        [dict(value) if isinstance(value := getattr(report, name), Mapping) else value for name in _PLAIN],
    ]


def decoded(fields: Any, location: LocatedModel) -> RememberedReport:
    """Raises ValueError, LookupError, TypeError or AttributeError for what was not encoded here."""
    fingerprint, changed_ns, modified, capabilities, findings, plain = fields
    report = ModelReport(
        location=location,
        last_modified=datetime.fromisoformat(modified),
        capabilities=tuple(capabilities),
        findings=tuple(findings),
        **dict(zip(_PLAIN, plain, strict=True)),
    )
    return RememberedReport(fingerprint, changed_ns, report)
