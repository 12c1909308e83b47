"""The help, from the option table: as text for people, as data for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from entrypoints.cli.grammar import Command, Option, Positional
from entrypoints.cli.options import ALONE, COMMANDS, EVERYWHERE

WIDTH = 90
INDENT = 2
GAP = 2
ABOUT = "mlxk finds, checks, runs and serves MLX models on your own machine."


def overview() -> str:
    """The help of `mlxk` itself."""
    parts = [
        ABOUT,
        "Usage: mlxk COMMAND [options]",
        _section("Commands", ((command.name, command.summary) for command in COMMANDS)),
        _section("Options", ((option.usage, option.help) for option in (*EVERYWHERE, *ALONE))),
        _examples(('mlxk run demo "Who are you?"', "mlxk serve --model demo", "mlxk list")),
        "`mlxk COMMAND --help` tells more about a command.",
    ]
    return "\n\n".join(parts) + "\n"


def command_help(command: Command) -> str:
    """The help of one command."""
    parts = [f"Usage: {command.usage}", _sentence(command.summary)]
    if command.aliases:
        parts.append(f"Also: {', '.join(f'mlxk {alias}' for alias in command.aliases)}")
    parts += [textwrap.fill(text, WIDTH, break_on_hyphens=False) for text in command.details]
    if command.positionals:
        parts.append(_section("Words", ((place.usage, place.help) for place in command.positionals)))
    for title, options in grouped(command).items():
        parts.append(_section(title, ((each.usage, option_help(each)) for each in options)))
    if command.examples:
        parts.append(_examples(command.examples))
    return "\n\n".join(parts) + "\n"


def grouped(command: Command) -> dict[str, list[Option]]:
    """The command's options and those of every command, by heading; the command's own come first."""
    groups: dict[str, list[Option]] = {"Options": []}
    for option in (*command.options, *EVERYWHERE):
        groups.setdefault(option.group or "Options", []).append(option)
    return groups


def option_help(option: Option) -> str:
    """The help text, with choices and default."""
    facts = [f"one of {', '.join(option.choices)}"] if option.choices else []
    facts += [f"default: {option.default}"] if option.default else []
    return f"{option.help} ({'; '.join(facts)})" if facts else option.help


def command_data(command: Command) -> dict[str, object]:
    """The command's row, for `mlxk help --json`."""
    return {
        "name": command.name,
        "aliases": list(command.aliases),
        "summary": command.summary,
        "usage": command.usage,
        "positionals": [_positional_data(place) for place in command.positionals],
        "options": [_option_data(option) for option in (*command.options, *EVERYWHERE)],
        "examples": list(command.examples),
    }


def _positional_data(place: Positional) -> dict[str, object]:
    return {
        "name": place.name,
        "help": place.help,
        "required": place.required,
        "many": place.many,
        "choices": list(place.choices),
    }


def _option_data(option: Option) -> dict[str, object]:
    return {
        "flag": option.flag,
        "short": option.short,
        "kind": option.kind.value,
        "help": option.help,
        "choices": list(option.choices),
        "default": option.default,
    }


def _section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    table = list(rows)
    left = max(len(name) for name, _ in table) + INDENT + GAP
    lines = [f"{title}:"]
    for name, text in table:
        first = " " * INDENT + name.ljust(left - INDENT)
        lines.append(
            textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * left, break_on_hyphens=False)
        )
    return "\n".join(lines)


def _examples(lines: Iterable[str]) -> str:
    return "\n".join(["Examples:", *(f"  {line}" for line in lines)])


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
