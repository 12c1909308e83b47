"""`mlxk completion SHELL`."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.cli.completion.scripts import SCRIPTS
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    shell: str


def execute(context: Context, arguments: Arguments) -> Outcome:
    """The script for a shell, to be loaded by it."""
    script = SCRIPTS[arguments.shell]
    return Outcome(
        data=lambda: {"shell": arguments.shell, "script": script},
        show=lambda: context.console.write(script),
    )
