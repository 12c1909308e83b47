"""Texts from the command line and from lines: what each says, and what else its line holds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from domain.errors import AccessDenied, InvalidRequest, MlxkError, UsageError
from domain.json_depth import MOST_LEVELS, too_deep
from entrypoints.cli.console import Console
from entrypoints.cli.line_batches import Line, LineBatches

MARK = "\ufeff"  # some editors begin a file with it


@dataclass(frozen=True, slots=True)
class TextRecord:
    """text: what is read of it. fields: the object it came in, the text too, in its own order. place: for errors."""

    text: str
    fields: Mapping[str, object]
    place: str


class RecordBatches:
    """Iterates over batches of records. at_hand: as LineBatches has it."""

    def __init__(self, lines: LineBatches) -> None:
        self._lines = lines

    @property
    def at_hand(self) -> bool:
        return self._lines.at_hand

    def __iter__(self) -> Iterator[list[TextRecord]]:
        """What comes before a line that is at fault is handed out first. Raises InvalidRequest naming it."""
        for batch in self._lines:
            good: list[TextRecord] = []
            wrong: MlxkError | None = None
            for line in batch:
                try:
                    record = read_line(line)
                except InvalidRequest as fault:
                    wrong = fault
                    break
                if record is not None:
                    good.append(record)
            if good:
                yield good
            if wrong is not None:
                raise wrong


class StandardInput:
    """ByteSource of the console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def read(self, size: int) -> bytes:
        return self._console.read_some(size)

    def ready(self) -> bool:
        return self._console.input_is_ready


class FileSource:
    """ByteSource of a file, which is never waited for. Raises InvalidRequest or AccessDenied when it cannot be
    opened.
    """

    def __init__(self, path: str) -> None:
        try:
            self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115  (lives as long as the command)
        except PermissionError as fault:
            raise AccessDenied(f"--file {path!r}: no permission to read it", param="--file") from fault
        except OSError as fault:
            raise InvalidRequest(
                f"--file {path!r} cannot be read: {fault.strerror or fault}", param="--file"
            ) from fault

    def read(self, size: int) -> bytes:
        piece = self._file.read(size)
        if not piece:
            self._file.close()
        return piece

    def ready(self) -> bool:
        return True


def records_of(console: Console, path: str | None) -> RecordBatches:
    """From a file, or from standard input. Raises as FileSource does."""
    if path is not None:
        return RecordBatches(LineBatches(FileSource(path), f"--file {path!r}"))
    return RecordBatches(LineBatches(StandardInput(console), "standard input"))


def spoken_record(text: str, number: int) -> TextRecord:
    """A word of the command line. Raises UsageError when it is empty or no text."""
    place = f"text {number}"
    if not text.strip():
        raise UsageError(f"{place} is empty", hint="leave it out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{place} is not UTF-8 text", hint="check the terminal's encoding") from None
    return TextRecord(text, {"text": text}, place)


def read_line(line: Line) -> TextRecord | None:
    """An object with a text, a JSON string, or the line itself; None for an empty one. Raises InvalidRequest."""
    number, raw = line
    place = f"line {number:,}"
    try:
        shown = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise InvalidRequest(f"{place} is not UTF-8: byte {fault.start:,} is wrong", hint="send UTF-8") from fault
    shown = shown.removeprefix(MARK) if number == 1 else shown
    stripped = shown.strip()
    if not stripped:
        return None
    if stripped.startswith("{"):
        return _object(stripped, place)
    text = _string(stripped) if stripped.startswith('"') else None
    return _record({"text": shown if text is None else text}, place)


def _object(text: str, place: str) -> TextRecord:
    try:
        fields = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        deep = too_deep(fields)
    except json.JSONDecodeError as fault:
        raise InvalidRequest(
            f"{place} is not JSON: {fault.msg} at column {fault.colno:,}",
            hint="a line that begins with { is read as an object; write a text like that as a JSON string",
        ) from fault
    except (ValueError, RecursionError) as fault:
        raise InvalidRequest(f"{place} is not JSON we can read: {fault}") from fault
    if deep:
        raise InvalidRequest(f"{place} is nested deeper than {MOST_LEVELS} levels", hint="give flatter values")
    if "text" not in fields:
        raise InvalidRequest(f'{place} has no "text"', hint='write it as {"text": "..."}')
    return _record(fields, place)


def _record(fields: Mapping[str, object], place: str) -> TextRecord:
    text = fields["text"]
    if not isinstance(text, str):
        raise InvalidRequest(f'{place}: "text" must be a string, got {type(text).__name__}')
    if not text.strip():
        raise InvalidRequest(f'{place}: "text" is empty', hint="leave the line out")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{place}: the text holds half of a surrogate pair, which is no character") from None
    return TextRecord(text, fields, place)


def _string(text: str) -> str | None:
    """What a JSON string says; None for a line that only begins like one."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:24]} is too large a number")
    return number
