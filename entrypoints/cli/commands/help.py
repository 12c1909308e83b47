"""`mlxk help [command]`."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import UsageError
from entrypoints.cli.help import ABOUT, command_data, command_help, overview
from entrypoints.cli.options import BY_NAME, COMMANDS
from entrypoints.cli.services import Context, Outcome
from entrypoints.cli.suggestions import did_you_mean


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    command: str | None = None


def execute(context: Context, arguments: Arguments) -> Outcome:
    """The help of one command, or of all."""
    if arguments.command is None:
        return Outcome(
            data=lambda: {"about": ABOUT, "commands": [command_data(each) for each in COMMANDS]},
            show=lambda: context.console.write(overview()),
        )
    asked = BY_NAME.get(arguments.command)
    if asked is None:
        hint = did_you_mean(arguments.command, BY_NAME) or "`mlxk help` lists them"
        raise UsageError(f"unknown command {arguments.command!r}", hint=hint)
    return Outcome(
        data=lambda: {"about": ABOUT, "commands": [command_data(asked)]},
        show=lambda: context.console.write(command_help(asked)),
    )
