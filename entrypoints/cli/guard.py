"""The guard in front of Fire: reads the arguments against the option table and refuses all else, before any work.

Every value stays the string that was typed until its option's kind reads it: `7`, `a,b`, `-` and `` mean themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import UsageError
from entrypoints.cli.grammar import Command, Kind, Option
from entrypoints.cli.options import ALONE, BY_NAME, EVERYWHERE, HELP, JSON, VERSION
from entrypoints.cli.suggestions import did_you_mean

END_OF_OPTIONS = "--"
_LOOKS_NEGATIVE = re.compile(r"-\.?[0-9]", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command line that stands in the table. command None: no command was given.

    words: the values by place. values: the options given, by parameter name, each of its option's kind.
    """

    command: Command | None
    words: tuple[str, ...] = ()
    values: dict[str, object] = field(default_factory=dict)
    json: bool = False
    help: bool = False
    version: bool = False


def wants_json(argv: Sequence[str]) -> bool:
    """True when --json stands anywhere before `--`, also in a command line that is otherwise wrong."""
    return JSON.flag in _before_end(argv)


def command_of(argv: Sequence[str]) -> str | None:
    """The command that was meant, also in a command line that is otherwise wrong."""
    named = next((word for word in _before_end(argv) if not is_option(word)), "")
    return BY_NAME[named].name if named in BY_NAME else None


def guard(argv: Sequence[str]) -> Invocation:
    """Read a command line. Raises UsageError, which names the word at fault and the way out."""
    reading = _Reading()
    head = _before_end(argv)
    position = 0
    while position < len(head):
        position = reading.read(head, position)
    for word in argv[len(head) + 1 :]:
        reading.take_word(word)
    return reading.invocation()


def _before_end(argv: Sequence[str]) -> Sequence[str]:
    return argv[: argv.index(END_OF_OPTIONS)] if END_OF_OPTIONS in argv else argv


def is_option(word: str) -> bool:
    """A dash and more, unless it reads as a negative number. A lone dash is a word (standard input)."""
    return word.startswith("-") and word != "-" and not _LOOKS_NEGATIVE.match(word)


def names_a_file(word: str) -> bool:
    """Whether a word continues a list of files: something that can be read lies there."""
    if is_option(word):
        return False
    try:
        path = Path(word).expanduser()
        return path.exists() and not path.is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


class _Reading:
    """One pass over a command line, from left to right."""

    def __init__(self) -> None:
        self.command: Command | None = None
        self.words: list[str] = []
        self.values: dict[str, object] = {}

    def read(self, argv: Sequence[str], position: int) -> int:
        """Read the word at `position`, and its value where it takes one. Returns the next position."""
        word = argv[position]
        if not is_option(word):
            self.take_word(word)
            return position + 1
        name, equals, value = word.partition("=")
        option = self._find(name)
        if option.kind is Kind.SWITCH:
            if equals:
                raise UsageError(f"{name} takes no value, got {word!r}", hint=f"write {name} alone")
            self.values[option.parameter] = True
            return position + 1
        if option.parameter in self.values and not option.kind.collects:
            raise UsageError(f"{name} is given twice", hint="give it once")
        if not equals:
            position += 1
            value = _following(argv, position, option)
        read = READERS[option.kind](option, value)
        if not option.kind.collects:
            self.values[option.parameter] = read
            return position + 1
        self._collect(option, read)
        return position + 1 if equals else self._read_more(argv, position + 1, option)

    def _read_more(self, argv: Sequence[str], position: int, option: Option) -> int:
        """Further files of the same option. Returns the next position."""
        while option.kind is Kind.FILES and position < len(argv) and names_a_file(argv[position]):
            self._collect(option, argv[position])
            position += 1
        return position

    def _collect(self, option: Option, value: object) -> None:
        before = self.values.get(option.parameter, ())
        self.values[option.parameter] = (*before, value) if isinstance(before, tuple) else (value,)

    def take_word(self, word: str) -> None:
        """The first word is the command, the others are its values by place."""
        if self.command is not None:
            self.words.append(word)
        elif word in BY_NAME:
            self.command = BY_NAME[word]
        else:
            raise UsageError(f"unknown command {word!r}", hint=did_you_mean(word, BY_NAME) or "`mlxk help` lists them")

    def invocation(self) -> Invocation:
        """All that was read, once every place is filled and nothing is left over."""
        flags = {each.parameter: bool(self.values.pop(each.parameter, False)) for each in (JSON, HELP, VERSION)}
        if self.command is not None and not flags["help"]:
            self._check_words(self.command)
        return Invocation(self.command, tuple(self.words), self.values, **flags)

    def _find(self, name: str) -> Option:
        own = ALONE if self.command is None else self.command.options
        known = {
            spelling: option for option in (*EVERYWHERE, *own) for spelling in (option.flag, option.short) if spelling
        }
        if name in known:
            return known[name]
        hint = self._alone(name) or did_you_mean(name, known) or self._where_to_look()
        place = "before the command" if self.command is None else f"for `mlxk {self.command.name}`"
        raise UsageError(f"unknown option {name!r} {place}", hint=hint)

    def _alone(self, name: str) -> str | None:
        return f"write `mlxk {name}`" if any(each.flag == name for each in ALONE) else None

    def _where_to_look(self) -> str:
        if self.command is None:
            return "options follow their command: `mlxk help` lists them"
        if any(each.many for each in self.command.positionals):
            return "words that begin with a dash go after --"
        return f"`mlxk {self.command.name} --help` lists its options"

    def _check_words(self, command: Command) -> None:
        places = command.positionals
        for place in places[len(self.words) :]:
            if place.required:
                raise UsageError(f"{place.usage} is missing", hint=f"usage: {command.usage}")
        for place, word in zip(places, self.words, strict=False):
            if place.choices and word not in place.choices:
                raise _not_a_choice(place.usage, word, place.choices)
        if len(self.words) > len(places) and not (places and places[-1].many):
            left_over = self.words[len(places)]
            raise UsageError(f"unexpected word {left_over!r}", hint=f"usage: {command.usage}")


def _following(argv: Sequence[str], position: int, option: Option) -> str:
    """The value after its option. One that looks like an option is taken for a forgotten value."""
    if position >= len(argv):
        raise UsageError(f"{option.flag} needs a value", hint=f"write {option.flag} {option.value}")
    value = argv[position]
    if is_option(value):
        raise UsageError(
            f"{option.flag} needs a value, got the option {value!r}",
            hint=f"if that is the value, write {option.flag}={value}",
        )
    return value


def _text(option: Option, value: str) -> str:
    if option.choices and value not in option.choices:
        raise _not_a_choice(option.flag, value, option.choices)
    return value


def _not_a_choice(what: str, value: str, choices: Sequence[str]) -> UsageError:
    return UsageError(
        f"{what} cannot be {value!r}", hint=did_you_mean(value, choices) or f"one of {', '.join(choices)}"
    )


def _integer(option: Option, value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise UsageError(f"{option.flag} needs a whole number, got {value!r}", hint=f"for example {option.flag} 7")
    return int(value)


def _number(option: Option, value: str) -> float:
    if not _NUMBER.fullmatch(value) or abs(float(value)) == float("inf"):
        raise UsageError(f"{option.flag} needs a number, got {value!r}", hint=f"for example {option.flag} 0.5")
    return float(value)


READERS: dict[Kind, Callable[[Option, str], object]] = {
    Kind.TEXT: _text,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _number,
    Kind.TEXTS: _text,
    Kind.FILES: _text,
}
