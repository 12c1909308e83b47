"""Log lines on stderr: text or JSON, with the request's id, without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from entrypoints.http.request_ids import current_request_id

TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{4,}")


class Redactor:
    """Hugging Face tokens and the home folder never reach a log. home: absolute path, "" for none."""

    def __init__(self, home: str) -> None:
        self._home = home.rstrip("/")

    def __call__(self, text: str) -> str:
        text = TOKEN.sub("hf_***", text)
        return text.replace(self._home, "~") if self._home else text


class TextFormatter(logging.Formatter):
    """`[LEVEL] message (request id)`."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("[%(levelname)s] %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        request_id = current_request_id()
        line = super().format(record)
        return self._redact(line if request_id is None else f"{line} (request {request_id})")


class JsonFormatter(logging.Formatter):
    """One object a line: ts (UTC), level, logger, msg, request_id, trace; the last two only when there are."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "msg": self._redact(record.getMessage()),
        }
        if (request_id := current_request_id()) is not None:
            fields["request_id"] = request_id
        if record.exc_info:
            fields["trace"] = self._redact(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False)


def configure_logging(level: str, *, as_json: bool, home: str) -> None:
    """Everything this process logs goes to stderr through one handler. level: debug, info, warning, error, critical."""
    handler = logging.StreamHandler(sys.stderr)
    redact = Redactor(home)
    handler.setFormatter(JsonFormatter(redact) if as_json else TextFormatter(redact))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
