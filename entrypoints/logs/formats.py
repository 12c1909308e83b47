"""Log lines as text or JSON. A record may carry `request_id`, `suppressed_count` and `fields`, a mapping of more."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from entrypoints.logs.redaction import Redactor

CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """`[LEVEL] message (request id)`. A message is one line, whatever a client has put into it; a traceback follows it
    on lines of its own.
    """

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line = f"[{record.levelname}] {CONTROLS.sub(_escaped, record.getMessage())}"
        if (count := getattr(record, "suppressed_count", 0)) > 0:
            line += f" ({count} more like it were not logged)"
        if (request_id := getattr(record, "request_id", None)) is not None:
            line += f" (request {request_id})"
        if (trace := _trace(self, record)) is not None:
            line += f"\n{trace}"
        return self._redact(line)


class JsonFormatter(logging.Formatter):
    """One object a line: ts (UTC), level, logger, msg; when there are such: request_id, suppressed_count, the record's
    fields, trace.
    """

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": self._redact(record.getMessage()),
        }
        if (request_id := getattr(record, "request_id", None)) is not None:
            line["request_id"] = self._redact(request_id)
        if (count := getattr(record, "suppressed_count", 0)) > 0:
            line["suppressed_count"] = count
        fields: Mapping[str, object] = getattr(record, "fields", {})
        for name, value in fields.items():
            line[name] = self._redact(value) if isinstance(value, str) else value
        if (trace := _trace(self, record)) is not None:
            line["trace"] = self._redact(trace)
        return json.dumps(line, ensure_ascii=False)


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str | None:
    """Of the fault here, or of one in another process (`exc_text` as it came)."""
    if record.exc_info and record.exc_info[1] is not None:
        return formatter.formatException(record.exc_info)
    return record.exc_text or None


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
