"""Logging: everything a process of ours says goes to stderr, through one handler."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable

from entrypoints.logs.descriptor_handler import DescriptorHandler
from entrypoints.logs.formats import JsonFormatter, TextFormatter
from entrypoints.logs.redaction import Redactor
from entrypoints.logs.repeats import RepeatFilter

__all__ = ["configure_logging"]


def configure_logging(
    level: str,
    *,
    as_json: bool,
    home: str,
    secrets: Iterable[str] = (),
    request_id: Callable[[], str | None] | None = None,
) -> None:
    """level: debug, info, warning, error, critical. secrets: never shown. request_id: of the request that the calling
    thread serves.
    """
    handler = _handler()
    redact = Redactor(home, secrets)
    handler.setFormatter(JsonFormatter(redact) if as_json else TextFormatter(redact))
    handler.addFilter(RepeatFilter())
    if request_id is not None:
        handler.addFilter(_stamp(request_id))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _handler() -> logging.Handler:
    try:
        return DescriptorHandler(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or no file at all
        return logging.StreamHandler(sys.stderr)


def _stamp(request_id: Callable[[], str | None]) -> Callable[[logging.LogRecord], bool]:
    def stamp(record: logging.LogRecord) -> bool:
        record.request_id = request_id()
        return True

    return stamp
