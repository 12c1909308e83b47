"""The way in: guard, dispatch, present; every error leaves through here, and never as a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from domain.errors import Interrupted, MlxkError, UsageError
from entrypoints.cli.completion.scripts import HIDDEN_COMMAND
from entrypoints.cli.console import Console, ReaderGone
from entrypoints.cli.dispatch import dispatch
from entrypoints.cli.early_worker import early_worker
from entrypoints.cli.envelope import encode, failure, success
from entrypoints.cli.errors import FAILED, READER_GONE, USAGE, error_lines, exit_code, unexpected
from entrypoints.cli.guard import Invocation, command_of, guard, wants_json
from entrypoints.cli.options import HELP_COMMAND, VERSION_COMMAND
from entrypoints.cli.services import Context, Outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Run `mlxk` with these arguments (default: the process's own); returns the exit code."""
    from entrypoints.cli.bootstrap import context_for

    arguments = list(sys.argv[1:] if argv is None else argv)
    json = wants_json(arguments) and not _asks_for_completion(arguments)
    return run(arguments, Console.of_process(json=json), context_for)


def run(argv: Sequence[str], console: Console, context_for: Callable[[Console], Context]) -> int:
    """Run with a console and a context of the caller's. Returns the exit code; raises nothing."""
    way = _Way(argv, console, context_for(console))
    try:
        try:
            return way.go()
        except MlxkError as error:
            return way.report(error)
    except ReaderGone:
        return READER_GONE


class _Way:
    """One command line on its way through."""

    def __init__(self, argv: Sequence[str], console: Console, context: Context) -> None:
        self._argv = argv
        self._console = console
        self._context = context

    def go(self) -> int:
        """The exit code. Raises MlxkError and ReaderGone, nothing else."""
        try:
            if _asks_for_completion(self._argv):
                return self._complete()
            invocation = _named(guard(self._argv))
            if invocation.command is None:
                return self._no_command()
            with early_worker(self._context, invocation):
                outcome = dispatch(invocation.command, invocation, self._context)
                self._present(invocation.command.name, outcome)
        except MlxkError:
            raise
        except KeyboardInterrupt as fault:
            raise _interrupted() from fault
        except Exception as fault:
            raise (_interrupted() if _was_interrupted(fault) else unexpected(fault)) from fault
        return outcome.exit_code

    def report(self, error: MlxkError) -> int:
        """Show an error; returns its exit code. JSON: one envelope only, so a fault after it goes to standard error."""
        command = command_of(self._argv)
        if self._console.json and not self._console.spoken:
            named = None if isinstance(error, UsageError) else command
            self._console.emit(encode(failure(named, error), self._console.encoding))
        else:
            for line in error_lines(command, error):
                self._console.complain(line)
        if self._debugging():
            self._show_traceback(error)
        return exit_code(error)

    def _complete(self) -> int:
        from entrypoints.cli.completion.hidden import complete  # only a shell asks for it

        return complete(self._argv, self._context)

    def _present(self, command: str, outcome: Outcome) -> None:
        if not self._console.json:
            outcome.show()
        elif outcome.data is not None:
            self._console.emit(encode(success(command, outcome.data()), self._console.encoding))

    def _no_command(self) -> int:
        """Nothing was asked for: the help, and an exit code that says so."""
        if self._console.json:
            self.report(UsageError("no command given", hint="`mlxk help` lists the commands"))
            return FAILED
        from entrypoints.cli.help import overview

        self._console.write(overview())
        return USAGE

    def _debugging(self) -> bool:
        try:
            return self._context.settings({}).debug.value
        except MlxkError:
            return False

    def _show_traceback(self, error: MlxkError) -> None:
        import traceback

        self._console.complain("".join(traceback.format_exception(error)).rstrip())


def _was_interrupted(fault: BaseException | None) -> bool:
    """Python wraps what is raised while a class is made, Ctrl-C too."""
    return fault is not None and (isinstance(fault, KeyboardInterrupt) or _was_interrupted(fault.__cause__))


def _interrupted() -> Interrupted:
    """CPython remembers a Ctrl-C that has passed through code in a string, such as dataclasses run, and would end by
    the signal and not by our exit code: running another string makes it forget.
    """
    eval("0")  # noqa: S307
    return Interrupted("interrupted by the user")


def _asks_for_completion(argv: Sequence[str]) -> bool:
    return bool(argv) and argv[0] == HIDDEN_COMMAND


def _named(invocation: Invocation) -> Invocation:
    """`--help` and `--version` are other ways to write the commands of that name."""
    if invocation.help:
        words = (invocation.command.name,) if invocation.command else ()
        return Invocation(HELP_COMMAND, words)
    if invocation.version:
        return Invocation(VERSION_COMMAND)
    return invocation
