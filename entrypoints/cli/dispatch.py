"""Hands a guarded command line to Fire, which finds the command and binds its values.

Fire reads literals, takes `-` as a separator and complains only after the work is done. So it never sees a value: each
travels as an opaque token, which Fire's parse hook turns back, and all that could be wrong has been refused before.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import InternalError
from entrypoints.cli.grammar import Command
from entrypoints.cli.guard import Invocation
from entrypoints.cli.lean_fire import import_fire
from entrypoints.cli.services import Context, Outcome


@dataclass(frozen=True, slots=True)
class Handler:
    """A command's module: the class of its arguments, and the function that takes one."""

    arguments: type
    execute: Callable[[Context, object], Outcome]


def handler(command: Command) -> Handler:
    """The command's own; its module is imported only now."""
    module = importlib.import_module(f"entrypoints.cli.commands.{command.module}")
    return Handler(module.Arguments, module.execute)


def dispatch(command: Command, invocation: Invocation, context: Context) -> Outcome:
    """Run the command. Raises what it raises."""
    fire = import_fire()
    chosen = handler(command)
    values: dict[str, object] = {}
    outcomes: list[Outcome] = []

    def token(value: object) -> str:
        name = f"@{len(values)}@"
        values[name] = value
        return name

    def call(*words: object, **options: object) -> None:
        gc.enable()
        outcomes.append(chosen.execute(context, chosen.arguments(*words, **options)))

    call.__wrapped__ = chosen.arguments  # type: ignore[attr-defined]  # Fire binds by the signature of the arguments
    fire.decorators.SetParseFn(values.__getitem__)(call)
    line = [command.name, *map(token, places(command, invocation.words))]
    line += [f"--{name}={token(value)}" for name, value in invocation.values.items()]
    try:
        fire.Fire({command.name: call}, command=line, name="mlxk")
    except fire.core.FireExit as fault:
        raise InternalError(f"`mlxk {command.name}` and the option table disagree") from fault
    return outcomes[0]


def places(command: Command, words: tuple[str, ...]) -> tuple[object, ...]:
    """The words by place; a place that takes many gets all that are left, as a tuple."""
    if not (command.positionals and command.positionals[-1].many):
        return words
    singles = len(command.positionals) - 1
    return (*words[:singles], words[singles:])
