"""Fields that take JSON values as they are: a number is a number, a boolean is a boolean, and nothing is guessed.

marshmallow's own fields read "3" as 3, "yes" as true and "0.7" as 0.7; these do not.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from marshmallow import INCLUDE, Schema, ValidationError, fields
from marshmallow.types import ErrorMessages

from entrypoints.http.schemas.problems import found

ABSENT: ErrorMessages = {"required": "is missing", "null": "must not be null"}

T = TypeVar("T")


class StrictField(fields.Field[T]):
    """A field that reads one JSON value by itself. Subclasses say how."""

    default_error_messages = ABSENT

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> T:
        return self.read(value)

    @abstractmethod
    def read(self, value: object) -> T:
        """Raises ValidationError."""


class StrictSchema(Schema):
    """An object. Fields it does not declare come through untouched; `undeclared` tells which they are."""

    class Meta:
        unknown = INCLUDE

    def undeclared(self, values: Mapping[str, Any]) -> list[str]:
        """Names in loaded `values` that no field declares, sorted."""
        return sorted(set(values) - set(self.fields))


class StrictString(StrictField[str]):
    """A string of whole characters: JSON can spell half of a surrogate pair, no encoding can carry one."""

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise ValidationError(f"must be a string, got {found(value)}")
        return whole_characters(value)


class StrictInteger(StrictField[int]):
    """A whole number: 3, not 3.0, "3" or true."""

    def read(self, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValidationError(f"must be a whole number, got {found(value)}")
        return value


class StrictNumber(StrictField[float]):
    """A finite number: 0.7 or 1, not "0.7", true or 1e999."""

    def read(self, value: object) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValidationError(f"must be a number, got {found(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ValidationError("must be a finite number")
        return number


class StrictBoolean(StrictField[bool]):
    """true or false, not "yes" or 1."""

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValidationError(f"must be true or false, got {found(value)}")
        return value


class StrictObject(fields.Nested):
    """An object read by a schema of its own."""

    default_error_messages = ABSENT

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValidationError(f"must be an object, got {found(value)}")
        return super()._deserialize(value, attr, data, partial=partial, **kwargs)


class StrictList(fields.List[Any]):
    """A list whose items are read by one field."""

    default_error_messages = ABSENT

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError(f"must be a list, got {found(value)}")
        return super()._deserialize(value, attr, data, **kwargs)


class FreeObject(StrictField[dict[str, Any]]):
    """An object with whatever inside it, of whole characters throughout."""

    def read(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError(f"must be an object, got {found(value)}")
        _check_inside(value)
        return value


class StringOrStrings(StrictField[tuple[str, ...]]):
    """One string or a list of them; always a tuple afterwards."""

    def read(self, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            return (whole_characters(value),)
        if not isinstance(value, list):
            raise ValidationError(f"must be a string or a list of strings, got {found(value)}")
        wrong = {
            index: [f"must be a string, got {found(each)}"]
            for index, each in enumerate(value)
            if not isinstance(each, str)
        }
        if wrong:
            raise ValidationError(wrong)
        return tuple(whole_characters(each) for each in value)


def whole_characters(text: str) -> str:
    """The text itself. Raises ValidationError for an unpaired surrogate."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValidationError("holds half of a surrogate pair, which is no character") from None
    return text


def _check_inside(value: object) -> None:
    match value:
        case str():
            whole_characters(value)
        case dict():
            for name, each in value.items():
                whole_characters(name)
                _check_inside(each)
        case list():
            for each in value:
                _check_inside(each)
