"""What fits at the cursor, from the option table and the names of the models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from domain.catalog.printable import printable
from entrypoints.cli.grammar import Command, Completes, Kind, Option
from entrypoints.cli.guard import END_OF_OPTIONS, is_option, names_a_file
from entrypoints.cli.options import ALONE, BY_NAME, COMMANDS, EVERYWHERE

Names = Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """word: the whole word as the command would get it, unquoted. help: one line, may be empty."""

    word: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the cursor stands. filled: words by place before it. wanting: the option whose value is due. files: the
    word may also be one more of an option's files. ended: `--` came before.
    """

    command: Command | None = None
    filled: int = 0
    wanting: Option | None = None
    files: bool = False
    ended: bool = False


def candidates(words: Sequence[str], current: str, names: Names) -> list[Candidate]:
    """words: those between the program and the cursor. current: the part of its word before the cursor. names: every
    model here by full name, asked only when a model fits. A line that is wrong already completes as far as it is read.
    """
    place = _place(words)
    if place.wanting is not None:
        return _starting(_value(place.wanting, current, names), current)
    if place.ended or not current.startswith("-"):
        found = _words(place, current, names)
        return _starting(found, current) if found or current or place.ended or place.files else _flags(place)
    flag, equals, value = current.partition("=")
    option = _option(place.command, flag)
    if equals and option is not None:
        return [Candidate(f"{flag}={each.word}", each.help) for each in _starting(_value(option, value, names), value)]
    return _starting(_flags(place), current)


def _place(words: Sequence[str]) -> _Place:
    command: Command | None = None
    filled = 0
    wanting: Option | None = None
    files = False
    for at, word in enumerate(words):
        if wanting is not None:
            files, wanting = wanting.kind is Kind.FILES, None
        elif files and names_a_file(word):
            continue
        elif word == END_OF_OPTIONS:
            return _Place(command, filled + len(words) - at - 1, ended=True)
        elif is_option(word):
            option = _option(command, word)
            wanting = option if option is not None and option.kind is not Kind.SWITCH else None
            files = False
        elif command is None:
            command = BY_NAME.get(word)
        else:
            filled, files = filled + 1, False
    return _Place(command, filled, wanting, files)


def _option(command: Command | None, name: str) -> Option | None:
    known = EVERYWHERE if command is None else (*EVERYWHERE, *command.options)
    return next((each for each in known if name in (each.flag, each.short)), None)


def _flags(place: _Place) -> list[Candidate]:
    own = ALONE if place.command is None else place.command.options
    return [Candidate(each.flag, each.help) for each in (*own, *EVERYWHERE)]


def _words(place: _Place, current: str, names: Names) -> list[Candidate]:
    if place.command is None:
        return _commands()
    places = place.command.positionals
    if place.filled >= len(places):
        return []
    here = places[place.filled]
    if here.choices:
        return [Candidate(each) for each in here.choices]
    return _completed(here.completes, current, names, dashes=place.ended)


def _value(option: Option, current: str, names: Names) -> list[Candidate]:
    if option.choices:
        return [Candidate(each) for each in option.choices]
    return _completed(option.completes, current, names)


def _completed(what: Completes, current: str, names: Names, *, dashes: bool = False) -> list[Candidate]:
    match what:
        case Completes.COMMAND:
            return _commands()
        case Completes.MODEL:
            return [Candidate(each) for each in _models(current, names) if dashes or not each.startswith("-")]
        case Completes.NOTHING:
            return []


def _commands() -> list[Candidate]:
    return [Candidate(each.name, each.summary) for each in COMMANDS]


def _models(current: str, names: Names) -> list[str]:
    """Full names; where none begins like this, their last parts, which find a model as well. A name that cannot be
    shown as it is cannot be typed either: it is left out.
    """
    known = sorted({each for each in names() if each and printable(each) == each})
    if any(each.startswith(current) for each in known):
        return known
    return sorted({each.rpartition("/")[2] for each in known})


def _starting(found: Iterable[Candidate], current: str) -> list[Candidate]:
    return [each for each in found if each.word.startswith(current)]
