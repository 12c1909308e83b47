"""The JSON envelope: the shape of everything `--json` prints. Its specification is docs/json-api.md."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from domain.errors import MlxkError

SPEC_VERSION = "0.3.0"
# Python writes no integer of more than 640 digits where its limit is set lowest.
_MAX_INTEGER_BITS = 2_000


def success(command: str, data: Mapping[str, object]) -> dict[str, object]:
    return {"status": "success", "command": command, "data": dict(data), "error": None}


def failure(command: str | None, error: MlxkError) -> dict[str, object]:
    """command: None when the command line itself was wrong."""
    return {"status": "error", "command": command, "data": None, "error": error_object(error)}


def error_object(error: MlxkError) -> dict[str, object]:
    """type and message always; the others where they say something more."""
    body: dict[str, object] = {"type": error.type, "message": error.message}
    if error.code != error.type:
        body["code"] = error.code
    if error.hint:
        body["hint"] = error.hint
    if error.matches:
        body["matches"] = list(error.matches)
    if error.detail:
        body["detail"] = dict(error.detail)
    return body


def encode(envelope: Mapping[str, object], encoding: str) -> str:
    """One JSON text with a line end. Characters that `encoding` cannot hold are written as escapes; numbers that JSON
    does not have (NaN and the infinities, which a config.json may hold) and integers too long to be written become
    null.
    """
    try:
        text = json.dumps(envelope, ensure_ascii=False, indent=2, allow_nan=False)
    except ValueError:
        envelope = {key: _writable(value) for key, value in envelope.items()}
        text = json.dumps(envelope, ensure_ascii=False, indent=2, allow_nan=False)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(envelope, ensure_ascii=True, indent=2, allow_nan=False)
    return text + "\n"


def _writable(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value if value.bit_length() <= _MAX_INTEGER_BITS else None
    if isinstance(value, Mapping):
        return {str(key): _writable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(each) for each in value]
    return value
