"""`mlxk __complete`: what the scripts ask for at every press of Tab. Not in the option table, silent about faults.

bash: `__complete bash WORD LINE`; WORD is what bash will replace, which may be a part of the word at the cursor, LINE
all up to the cursor. zsh, fish: `__complete SHELL PROGRAM WORDS... CURRENT`. One candidate a line; for zsh and fish
followed by a tab and its help.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.errors import MlxkError
from entrypoints.cli.completion.candidates import Candidate, candidates
from entrypoints.cli.completion.scripts import SHELLS
from entrypoints.cli.completion.shell_words import read_line, unquoted, written
from entrypoints.cli.run_options import RUN
from entrypoints.cli.services import Context

_RUN_PROGRAM = "mlx-run"


def complete(argv: Sequence[str], context: Context) -> int:
    """argv: with the hidden command itself. Returns the exit code: 0, or 1 for a call that no script makes."""
    shell, *rest = argv[1:] or ("",)
    if shell not in SHELLS or len(rest) < 2:
        return 1
    lines = _for_bash(rest[0], rest[1], context) if shell == "bash" else _for_others(rest[:-1], rest[-1], context)
    text = "".join(f"{each}\n" for each in lines)
    if text:
        context.console.emit(text)
    return 0


def _for_bash(replaced: str, line: str, context: Context) -> list[str]:
    """Only what bash has to put in place of `replaced`: it takes `=`, `:` and `@` for ends of words."""
    read = read_line(line)
    part = unquoted(replaced) if not read.quote else replaced
    kept = len(read.current) - len(part) if read.current.endswith(part) else 0
    found = _found(read.words, read.current, context)
    return [word for each in found if (word := written(each.word[kept:], read.quote)) is not None]


def _for_others(words: Sequence[str], current: str, context: Context) -> list[str]:
    return [f"{each.word}\t{each.help}" for each in _found(words, unquoted(current), context)]


def _found(words: Sequence[str], current: str, context: Context) -> list[Candidate]:
    program, *before = words or ("",)
    if program.rpartition("/")[2] == _RUN_PROGRAM:
        before.insert(0, RUN.name)
    return candidates(before, current, lambda: _names(context))


def _names(context: Context) -> Iterable[str]:
    """Every model by full name, the built-in one too; none where the settings are wrong. Looks into no model."""
    try:
        stores = context.services().model_stores()
    except MlxkError:
        return ()
    return (name for store in stores.every for name in store.names())
