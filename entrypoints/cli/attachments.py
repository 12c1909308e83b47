"""Text files that the user names: read whole, checked, and put before a question as labelled context."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from domain.errors import AccessDenied, InvalidRequest, PayloadTooLarge
from domain.json_depth import MOST_LEVELS, too_deep

MOST_BYTES = 4 * 1024 * 1024  # about a million tokens
NAMED_CHARACTERS = 200  # of an option with its value, in an error
_FENCE = re.compile(r"^ {0,3}(`{3,})", re.MULTILINE)


def read_text(path: str, option: str = "--file") -> str:
    """A file's text, without a byte order mark. option: what named it, for errors.

    Raises InvalidRequest when there is none or it is no UTF-8 text, PayloadTooLarge, AccessDenied.
    """
    named = f"{option} {path!r}"
    return text_of(_read(Path(path), named, option), named, option)


def text_of(data: bytes, named: str, option: str | None = None) -> str:
    """What was read, at most one byte more than MOST_BYTES of it, as text without a byte order mark.

    Raises PayloadTooLarge, and InvalidRequest when it is no UTF-8 text.
    """
    if len(data) > MOST_BYTES:
        raise PayloadTooLarge(
            f"{named} is too large: it may have {MOST_BYTES / 1e6:.1f} MB",
            hint="give the part of it that matters",
            param=option,
        )
    if b"\0" in data:
        raise InvalidRequest(f"{named} is not a text file: it holds zero bytes", hint="give a text", param=option)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InvalidRequest(
            f"{named} is not UTF-8 text: byte {fault.start:,} is {data[fault.start]:#04x}",
            hint="convert it with iconv, or give a text",
            param=option,
        ) from fault


def read_json(path: str, option: str) -> object:
    """A file's JSON. Raises as `read_text` does, and InvalidRequest when it is no JSON."""
    return parsed_json(read_text(path, option), f"{option} {path!r}", option)


def parsed_json(text: str, named: str, option: str) -> object:
    """Raises InvalidRequest, which tells where it stops being JSON, or that it is nested too deeply."""
    named = named if len(named) <= NAMED_CHARACTERS else named[:NAMED_CHARACTERS] + "..."
    try:
        parsed: object = json.loads(text)
    except json.JSONDecodeError as fault:
        raise InvalidRequest(
            f"{named} is not JSON: {fault.msg} in line {fault.lineno}, column {fault.colno}", param=option
        ) from fault
    except RecursionError as fault:
        raise _nested_too_deeply(named, option) from fault
    except ValueError as fault:
        raise InvalidRequest(f"{named} is not JSON we can read: {fault}", param=option) from fault
    if too_deep(parsed):
        raise _nested_too_deeply(named, option)
    return parsed


def _nested_too_deeply(named: str, option: str) -> InvalidRequest:
    return InvalidRequest(
        f"{named} is nested deeper than {MOST_LEVELS} levels", hint="give flatter values", param=option
    )


def context_of(paths: Sequence[str]) -> str:
    """The files' texts, each under its name; "" for none. Raises as `read_text` does."""
    return "\n\n".join(_labelled(path, read_text(path)) for path in paths)


def _labelled(path: str, text: str) -> str:
    """Fenced by more backticks than any line of the text begins with, so that it cannot end its own fence."""
    longest = max((len(found) for found in _FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    body = text if text.endswith("\n") or not text else text + "\n"
    name = path.encode(errors="replace").decode()
    return f"File {name}:\n{fence}\n{body}{fence}"


def _read(path: Path, named: str, option: str) -> bytes:
    """At most one byte more than a file may have."""
    try:
        with path.expanduser().open("rb") as source:
            return source.read(MOST_BYTES + 1)
    except FileNotFoundError as fault:
        raise InvalidRequest(
            f"{named}: there is no such file", hint="`-` among the words reads standard input", param=option
        ) from fault
    except IsADirectoryError as fault:
        raise InvalidRequest(f"{named} is a folder", hint="name the files in it", param=option) from fault
    except PermissionError as fault:
        raise AccessDenied(f"{named} cannot be read: permission denied", hint="see its permissions") from fault
    except (OSError, ValueError, RuntimeError) as fault:
        raise InvalidRequest(f"{named} cannot be read: {fault}", param=option) from fault
