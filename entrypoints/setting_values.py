"""Values of settings: where they come from and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeVar

from domain.errors import InvalidRequest, UsageError

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})

T = TypeVar("T")


class Source(StrEnum):
    """Where a value came from; a flag beats the environment, which beats the file, which beats the default."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    value: T
    source: Source
    name: str


@dataclass(frozen=True, slots=True)
class FileValue:
    """A value in the configuration file, as text; a list has several. place: file, table and key."""

    texts: tuple[str, ...]
    place: str

    def read(self, parse: Callable[[str], T]) -> T:
        """A list is read as variables are: with commas between. Raises UsageError."""
        return _parsed(self.place, ",".join(self.texts), parse)


@dataclass(frozen=True, slots=True)
class Reader:
    """file: by setting name."""

    flags: Mapping[str, object]
    environ: Mapping[str, str]
    file: Mapping[str, FileValue] = field(default_factory=dict)

    def read(self, name: str, variable: str, parse: Callable[[str], T], default: T) -> Setting[T]:
        """A variable that is set but empty counts as unset."""
        flag = self.flags.get(name)
        if flag is not None:
            option = f"--{name.replace('_', '-')}"
            return Setting(_parsed(option, str(flag), parse), Source.FLAG, option)
        text = self.environ.get(variable, "").strip()
        if text:
            return Setting(_parsed(variable, text, parse), Source.ENVIRONMENT, variable)
        if name in self.file:
            written = self.file[name]
            return Setting(written.read(parse), Source.FILE, written.place)
        return Setting(default, Source.DEFAULT, variable)


def _parsed(name: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as fault:
        raise UsageError(f"{name}={text}: {fault}", hint=f"give {name} a value that fits, or leave it out") from fault


def as_text(text: str) -> str:
    return text


def as_folder(text: str) -> Path:
    return Path(text).expanduser().absolute()


def as_existing_folder(text: str) -> Path | None:
    """A workspace home that does not exist is ignored, and never created."""
    folder = Path(text).expanduser()
    return folder.resolve() if folder.is_dir() else None


def as_port(text: str) -> int:
    number = as_whole(text)
    if not 0 <= number <= 65535:
        raise ValueError("a port is a number from 0 to 65535")
    return number


def as_positive(text: str) -> int:
    number = as_whole(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def as_whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None


def as_chunk(text: str) -> int:
    """So many pictures at a time."""
    from domain.inference.picture_wishes import require_chunk  # no listing needs it

    number = as_whole(text)
    try:
        require_chunk(number)
    except InvalidRequest as fault:
        raise ValueError(fault.message) from None
    return number


def as_not_off(text: str) -> bool:
    """On, unless one of the words for off says so: what anything else means has always been on."""
    return text.lower() not in FALSE_WORDS


def as_log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def as_boolean(text: str) -> bool:
    word = text.lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueError("must be one of 1, true, yes, on, 0, false, no, off")
