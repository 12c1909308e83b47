"""What the person in a chat types: single lines, blocks of several, and a history of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from entrypoints.cli.chat_history import ChatHistory
from entrypoints.cli.console import Console
from entrypoints.settings import Settings

QUESTION_MARK, MORE_MARK = "> ", "... "
BLOCK = '"""'
CONTINUED = "\\"
ONCE_MORE = "(Ctrl-C again, or Ctrl-D, leaves)"


@dataclass(frozen=True, slots=True)
class Said:
    """literal: typed as a block, so that nothing in it is a command."""

    text: str
    literal: bool = False


class ChatInput:
    """completions: from the line so far and the word at its end to what Tab offers."""

    def __init__(self, console: Console, settings: Settings, completions: Callable[[str, str], list[str]]) -> None:
        self._console = console
        self._history: ChatHistory | None = None
        if not console.edits_lines:
            return
        if settings.history.value:
            self._history = ChatHistory(settings.user_state_dir.value / "chat_history")
        with suppress(ImportError):
            _prepare_editing([] if self._history is None else self._history.entries(), completions)

    def next(self) -> Said | None:
        """What is said next, not empty; None when the person leaves: Ctrl-D, or Ctrl-C twice in a row. One Ctrl-C
        clears what was typed. Raises InvalidRequest for what is no text.
        """
        interrupted = False
        while True:
            try:
                said = self._read()
            except KeyboardInterrupt:
                self._console.line()
                if interrupted:
                    return None
                interrupted = True
                self._console.note(ONCE_MORE)
                continue
            if said is None:
                self._console.line()
                return None
            interrupted = False
            if said.text.strip():
                return Said(said.text.strip(), said.literal)

    def _read(self) -> Said | None:
        first = self._line(QUESTION_MARK)
        if first is None:
            return None
        if first.lstrip().startswith(BLOCK):
            return Said(self._block(first.lstrip().removeprefix(BLOCK)), literal=True)
        lines = [first]
        while lines[-1].endswith(CONTINUED):
            lines[-1] = lines[-1].removesuffix(CONTINUED)
            lines.append(self._line(MORE_MARK) or "")
        return Said("\n".join(lines))

    def _block(self, first: str) -> str:
        """All up to a line that ends with the mark, or the end of input."""
        lines = [first]
        while not lines[-1].rstrip().endswith(BLOCK):
            line = self._line(MORE_MARK)
            if line is None:
                return "\n".join(lines)
            lines.append(line)
        lines[-1] = lines[-1].rstrip().removesuffix(BLOCK)
        return "\n".join(lines)

    def _line(self, mark: str) -> str | None:
        line = self._console.ask(mark)
        if line and line.strip() and self._history is not None:
            try:
                self._history.add(line)
            except OSError as fault:
                self._history = None
                self._console.note(f"(what you type is not kept: {fault.strerror or fault})")
        return line


def _prepare_editing(entries: list[str], completions: Callable[[str, str], list[str]]) -> None:
    """Raises ImportError where Python has no readline."""
    import readline

    def complete(word: str, at: int) -> str | None:
        found = completions(readline.get_line_buffer()[: readline.get_endidx()], word)
        return found[at] if at < len(found) else None

    for entry in entries:
        readline.add_history(entry)
    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n")
    libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
