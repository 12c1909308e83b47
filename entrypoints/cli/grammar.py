"""The words the option table is written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How an option's value is read. A switch takes none; texts and files may be given again and again.

    FILES takes the word that follows, and then further words as long as they name existing files; `--file=PATH` takes
    that one alone.
    """

    SWITCH = "switch"
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TEXTS = "texts"
    FILES = "files"

    @property
    def collects(self) -> bool:
        """All values count, in the order they were given, as a tuple."""
        return self in (Kind.TEXTS, Kind.FILES)


class Completes(StrEnum):
    """What a shell can offer in this place."""

    NOTHING = "nothing"
    MODEL = "model"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Positional:
    """A word by its place. many: takes all words that are left, for the last place only. field: of the command's
    Arguments, where it is not called `name` too. choices: the words it may be, () for any.
    """

    name: str
    help: str
    required: bool = True
    many: bool = False
    completes: Completes = Completes.NOTHING
    field: str = ""
    choices: tuple[str, ...] = ()

    @property
    def parameter(self) -> str:
        return self.field or self.name

    @property
    def usage(self) -> str:
        """As the usage line shows it: MODEL, [PATTERN] or [PROMPT...]."""
        word = self.name.upper() + ("..." if self.many else "")
        return word if self.required else f"[{word}]"


@dataclass(frozen=True, slots=True)
class Option:
    """A flag. value: what the help calls its value. default: in words, for the help; the value itself has its home
    where it is used. group: the heading that the help puts it under, "" for the command's own.
    """

    flag: str
    help: str
    kind: Kind = Kind.SWITCH
    short: str | None = None
    value: str = ""
    choices: tuple[str, ...] = ()
    default: str | None = None
    completes: Completes = Completes.NOTHING
    group: str = ""

    @property
    def parameter(self) -> str:
        """The field of the command's Arguments."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def usage(self) -> str:
        """As the help shows it: `-f, --force`, `--port N` or `--file PATH...`."""
        name = f"{self.short}, {self.flag}" if self.short else self.flag
        value = f"{self.value}..." if self.kind is Kind.FILES else self.value
        return f"{name} {value}" if value else name


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table. details: further paragraphs of its help. examples: command lines, shown and documented.
    loads_model: it needs a worker process. asks_servers: unless a running server answers.
    """

    name: str
    summary: str
    positionals: tuple[Positional, ...] = ()
    options: tuple[Option, ...] = ()
    aliases: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    loads_model: bool = False
    asks_servers: bool = False

    @property
    def module(self) -> str:
        """The command's module in entrypoints/cli/commands."""
        return self.name.replace("-", "_")

    @property
    def usage(self) -> str:
        words = ["mlxk", self.name, *(each.usage for each in self.positionals)]
        return " ".join([*words, "[options]"] if self.options else words)
