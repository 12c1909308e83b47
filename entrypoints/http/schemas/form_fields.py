"""Fields of forms, where every value is text: as strict as those of JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from domain.errors import InvalidRequest
from entrypoints.http.form import Form
from entrypoints.http.schemas.strict import StrictField

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
BRACKETS = "[]"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form. name: as the client calls it."""

    data: bytes
    name: str | None

    def __repr__(self) -> str:
        return f"Upload({len(self.data):,} bytes)"


class FormFile(StrictField[Upload]):
    """The form's file."""

    def read(self, value: object) -> Upload:
        if not isinstance(value, Upload):
            raise ValidationError("must be a file, got text")
        return value


class FormNumber(StrictField[float]):
    """0.7 or 1."""

    def read(self, value: object) -> float:
        if not isinstance(value, str) or not _NUMBER.fullmatch(value) or not math.isfinite(float(value)):
            raise ValidationError(f"must be a number, got {_shown(value)}")
        return float(value)


class FormBoolean(StrictField[bool]):
    """true or false."""

    def read(self, value: object) -> bool:
        if value not in ("true", "false"):
            raise ValidationError(f"must be true or false, got {_shown(value)}")
        return value == "true"


class FormWords(StrictField[tuple[str, ...]]):
    """A list of a few words: the field's name with brackets behind it, once for each."""

    def __init__(self, *words: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.words = words

    def read(self, value: object) -> tuple[str, ...]:
        given = value if isinstance(value, list) else [value]
        for each in given:
            if each not in self.words:
                raise ValidationError(f"must be of {', '.join(self.words)}, got {_shown(each)}")
        return tuple(dict.fromkeys(given))


def form_values(form: Form, file_field: str, lists: Sequence[str]) -> dict[str, object]:
    """The form as an object that schemas read. lists: fields of which there may be several, with or without brackets.
    Raises InvalidRequest for another one that comes twice.
    """
    values: dict[str, object] = {}
    if form.file is not None:
        values[file_field] = Upload(form.file, form.file_name)
    for spelled, text in form.fields:
        name = spelled.removesuffix(BRACKETS)
        if name in lists:
            before = values.get(name, [])
            values[name] = [*before, text] if isinstance(before, list) else [text]
        elif spelled in values:
            raise InvalidRequest(f"{spelled[:100]} is given twice", hint="give it once", param=spelled[:100])
        else:
            values[spelled] = text
    return values


def _shown(value: object) -> str:
    return repr(value[:40]) if isinstance(value, str) else "a file"
