"""`mlxk doctor WORKSPACE`: look, show, mend, take back."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import UsageError
from entrypoints.cli.presenters.workspace_json import doctor_object, undo_object
from entrypoints.cli.presenters.workspace_view import doctor_lines
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table."""

    model: str
    fix: bool = False
    undo: bool = False


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Without an option nothing is changed."""
    if arguments.fix and arguments.undo:
        raise UsageError("--fix and --undo do not go together", hint="choose one of them")
    doctor, console = context.services().doctor(), context.console
    if arguments.undo:
        undone = doctor.undo(arguments.model)
        names = ", ".join(change.path for change in undone)
        return Outcome(
            data=lambda: undo_object(arguments.model, undone), show=lambda: console.line(f"taken back: {names}")
        )
    found, left = doctor.fix(arguments.model) if arguments.fix else (doctor.examine(arguments.model), None)

    def show() -> None:
        for line in doctor_lines(found, left):
            console.line(line)

    return Outcome(data=lambda: doctor_object(arguments.model, found, left), show=show)
