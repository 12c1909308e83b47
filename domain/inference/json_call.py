"""One call as a JSON object, `{"name": "f", "arguments": {...}}`, read while it comes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from domain.inference.json_text import (
    ControlEscaper,
    can_be_sent,
    is_object,
    refuse_constant,
    without_control_characters,
)

NAME_KEYS = ("name",)
ARGUMENT_KEYS = ("arguments", "parameters")
EMPTY = "{}"

_IN_STRING = re.compile(r'["\\]')
_IN_NESTED = re.compile(r"[^\s\w+\-.,:]")  # quotes, braces, brackets, and what JSON has only inside of strings
_AFTER_SCALAR = re.compile(r"[^\w+\-.]")


class JsonCall:
    """Feed it until `done` or `broken`; it takes no character after that.

    name: as soon as it is known. call_id: final once the call has `begun`. valid: on `done`, the arguments are a JSON
    object. Keys may come in any order; of one that is there twice the first counts. Arguments given as a JSON string
    are unpacked.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.call_id = ""
        self.done = False
        self.broken = False
        self.valid = False
        self._read: Callable[[str, int], int] = self._opening
        self._key = ""
        self._value: list[str] = []
        self._escaped = False
        self._quoted = False
        self._depth = 0
        self._arguments: list[str] | None = None
        self._escaper = ControlEscaper()
        self._taken = 0

    def feed(self, text: str) -> int:
        """How many characters were part of the object: all, unless it is done or broken."""
        at = 0
        while at < len(text) and not (self.done or self.broken):
            at = self._read(text, at)
        return at

    def take_arguments(self) -> str:
        """The arguments' text that has come since the last time; "" until `begun`. It is as the model wrote
        it, but for control characters in strings, which are escaped.
        """
        if self.name is None or self._arguments is None:
            return ""
        news = "".join(self._arguments[self._taken :])
        self._taken = len(self._arguments)
        return self._escaper.feed(news)

    @property
    def begun(self) -> bool:
        """This is a call: it has a name, and its arguments have begun, or it has ended without any."""
        return self.name is not None and self._arguments is not None

    @property
    def whole(self) -> bool:
        """Name and arguments have come to their ends, even if the object around them has not."""
        return self.name is not None and self.valid

    # One reader for each place; each returns where the next one goes on

    def _opening(self, text: str, at: int) -> int:
        return self._expect(text, at, {"{": self._first_key})

    def _first_key(self, text: str, at: int) -> int:
        return self._expect(text, at, {'"': self._key_text, "}": None})

    def _next_key(self, text: str, at: int) -> int:
        return self._expect(text, at, {'"': self._key_text})

    def _colon(self, text: str, at: int) -> int:
        return self._expect(text, at, {":": self._value_start})

    def _after_value(self, text: str, at: int) -> int:
        return self._expect(text, at, {",": self._next_key, "}": None})

    def _key_text(self, text: str, at: int) -> int:
        at = self._string(text, at)
        if not self._quoted:
            self._key, self._read = str(self._loaded()), self._colon
        return at

    def _value_start(self, text: str, at: int) -> int:
        char = text[at]
        if char.isspace():
            return at + 1
        if char == '"':
            self._begin_string()
            self._read = self._string_value
        elif char in "{[":
            if char == "{" and self._key in ARGUMENT_KEYS and self._arguments is None:
                self._arguments = self._value
            self._value.append(char)
            self._depth, self._quoted, self._read = 1, False, self._nested
        else:
            self._read = self._scalar
            return at
        return at + 1

    def _string_value(self, text: str, at: int) -> int:
        at = self._string(text, at)
        if not self._quoted:
            self._end_value()
        return at

    def _nested(self, text: str, at: int) -> int:
        if self._quoted:
            return self._string(text, at)
        found = _IN_NESTED.search(text, at)
        end = len(text) if found is None else found.start()
        if found is None or found.group() not in '"{}[]':
            self._value.append(text[at:end])
            self.broken = found is not None
            return end
        self._value.append(text[at : end + 1])
        self._quoted = found.group() == '"'
        self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found.group(), 0)
        if self._depth == 0:
            self._end_value()
        return end + 1

    def _scalar(self, text: str, at: int) -> int:
        found = _AFTER_SCALAR.search(text, at)
        end = len(text) if found is None else found.start()
        self._value.append(text[at:end])
        if found is not None:
            self._end_value()
        return end

    # Parts

    def _expect(self, text: str, at: int, next_readers: dict[str, Callable[[str, int], int] | None]) -> int:
        """Whitespace, or one of these characters and its reader; None ends the object. Anything else breaks it."""
        char = text[at]
        if char.isspace():
            return at + 1
        if char not in next_readers:
            self.broken = True
            return at
        reader = next_readers[char]
        if reader is None:
            self._end_object()
        else:
            self._read = reader
            if char == '"':
                self._begin_string()
        return at + 1

    def _begin_string(self) -> None:
        self._value = ['"']
        self._quoted = True

    def _string(self, text: str, at: int) -> int:
        """Up to the closing quote, which ends `_quoted`."""
        if self._escaped:
            self._escaped = False
            self._value.append(text[at])
            return at + 1
        found = _IN_STRING.search(text, at)
        end = len(text) if found is None else found.end()
        self._value.append(text[at:end])
        if found is not None:
            self._escaped = found.group() == "\\"
            self._quoted = self._escaped
        return end

    def _loaded(self) -> object:
        """The value just read; what is no JSON, or no text that can be sent, breaks the object."""
        try:
            value = json.loads("".join(self._value), strict=False, parse_constant=refuse_constant)
        except (ValueError, RecursionError):
            value = None
            self.broken = True
        if isinstance(value, str) and not can_be_sent(value):
            self.broken = True
        self._value = []
        return value

    def _end_value(self) -> None:
        self._read = self._after_value
        if self._arguments is self._value and self._value:
            self.valid = is_object(without_control_characters("".join(self._value)))
            self.broken = self.name is None and not self.valid  # nothing has been shown yet
            self._value = []
            return
        value = self._loaded()
        if self.broken:
            return
        if self._key in NAME_KEYS and self.name is None:
            self.broken = not (isinstance(value, str) and value)
            self.name = value if isinstance(value, str) and value else None
        elif self._key in ARGUMENT_KEYS and self._arguments is None:
            self._take_unstreamed(value)
        elif self._key == "id" and not self.begun and isinstance(value, str):
            self.call_id = value

    def _take_unstreamed(self, value: object) -> None:
        """Arguments that are no object: none at all, or one packed into a string."""
        if value is None or (isinstance(value, str) and not value.strip()):
            value = EMPTY
        if isinstance(value, str):
            self.valid = is_object(without_control_characters(value))
            self._arguments = [value] if self.valid else None
        self.broken = not self.valid

    def _end_object(self) -> None:
        if self.name is None:
            self.broken = True
            return
        if self._arguments is None:
            self._arguments, self.valid = [EMPTY], True
        self.done = True
