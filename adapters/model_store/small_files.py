"""Small files of a model, read with a limit; whatever goes wrong is said, never raised."""

from __future__ import annotations

import json
import os

from domain.catalog.manifest import JsonDocument, JsonState

MAX_JSON_BYTES = 32 * 1024 * 1024


class UnreadableFile(Exception):
    """The text says why."""


def read_limited(path: str, limit: int) -> bytes:
    """The file's beginning, at most `limit` bytes. Raises UnreadableFile. Never blocks on a pipe or device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
    except (OSError, ValueError) as fault:
        raise UnreadableFile(_words(fault)) from fault
    try:
        return os.read(descriptor, limit)  # a regular file's read is short only at its end
    except OSError as fault:
        raise UnreadableFile(_words(fault)) from fault
    finally:
        os.close(descriptor)


def read_json(path: str, size_bytes: int, limit: int = MAX_JSON_BYTES) -> JsonDocument:
    """A JSON object, or what keeps the file from being one. size_bytes: what stat said."""
    if size_bytes > limit:
        return JsonDocument(JsonState.TOO_LARGE, detail=f"it is too large ({size_bytes:,} bytes)")
    try:
        content = read_limited(path, min(limit, size_bytes + 1))
    except UnreadableFile as fault:
        return JsonDocument(JsonState.UNREADABLE, detail=str(fault))
    return parse_object(content) if content.strip() else JsonDocument(JsonState.EMPTY)


def parse_object(content: bytes) -> JsonDocument:
    """Bytes to a JSON object; not UTF-8, nested too deep or no JSON at all is INVALID."""
    try:
        value = json.loads(content.decode())
    except (ValueError, RecursionError) as fault:
        return JsonDocument(JsonState.INVALID, detail=str(fault))
    if not isinstance(value, dict):
        return JsonDocument(JsonState.NOT_OBJECT, detail=f"it holds a {type(value).__name__}")
    return JsonDocument(JsonState.OBJECT, value)


def _words(fault: OSError | ValueError) -> str:
    return (fault.strerror if isinstance(fault, OSError) else None) or str(fault)
