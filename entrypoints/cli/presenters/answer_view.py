"""An answer for people: thoughts dimmed, then the text, then the calls, a line each."""

from __future__ import annotations

import json

from domain.inference import GenerationEvent, ReasoningDelta, TextDelta, ToolCall
from domain.inference.picture_table import TableRead, with_tables_read
from entrypoints.cli.answer import Answer
from entrypoints.cli.console import Console
from entrypoints.cli.presenters.pictures_view import pictures_told

DIM, PLAIN = "\x1b[2m", "\x1b[0m"


class PrintedAnswer:
    """AnswerView. live: piece by piece; else whole at the end, and nothing of an answer that has none.

    Thoughts are shown on a terminal only, unless `thoughts` is False; without colour under a heading of their own.
    A table of pictures is a dimmed line for each on a terminal, and stays as it is elsewhere: programs look for it.
    """

    def __init__(self, console: Console, *, live: bool, thoughts: bool, colour: bool) -> None:
        self._console = console
        self._live = live
        self._thoughts = thoughts and console.output_is_terminal
        self._colour = colour
        self._thinking = False
        self._last = "\n"

    def take(self, event: GenerationEvent) -> None:
        if not self._live:
            return
        if isinstance(event, ReasoningDelta):
            self._think(event.text)
        elif isinstance(event, TextDelta):
            self._say(event.text)

    def end(self, answer: Answer) -> None:
        """A line that was begun is ended, and the terminal's colour put back, whatever happened."""
        whole = answer.finished is not None
        if whole and not self._live:
            self._think(answer.reasoning)
            self._say(answer.text)
        self._stop_thinking(followed=False)
        self._end_line()
        if whole:
            for call in answer.calls:
                self._console.line(call_line(call))

    def _think(self, text: str) -> None:
        if not self._thoughts or not text:
            return
        if not self._thinking:
            self._thinking = True
            self._mark(DIM, "[Reasoning]\n")
        self._write(text)

    def _say(self, text: str) -> None:
        if not text:
            return
        self._stop_thinking(followed=True)
        for piece in with_tables_read(text) if self._console.output_is_terminal else (text,):
            if isinstance(piece, TableRead):
                self._tell(piece)
            else:
                self._write(piece)

    def _tell(self, table: TableRead) -> None:
        if self._colour:
            self._console.control(DIM)
        self._write(pictures_told(table))
        if self._colour:
            self._console.control(PLAIN)
        self._write("\n")

    def _stop_thinking(self, *, followed: bool) -> None:
        """followed: by the answer itself, which stands apart."""
        if not self._thinking:
            return
        self._thinking = False
        self._end_line()
        if self._colour:
            self._console.control(PLAIN)
        if followed:
            self._console.write("\n" if self._colour else "\n[Answer]\n")

    def _mark(self, colour: str, heading: str) -> None:
        if self._colour:
            self._console.control(colour)
        else:
            self._console.write(heading)

    def _write(self, text: str) -> None:
        self._console.write(text)
        self._last = text[-1]

    def _end_line(self) -> None:
        if self._last != "\n":
            self._console.line()
            self._last = "\n"


def call_line(call: ToolCall) -> str:
    """`name({"argument": "value"})`, on one line; arguments that are no JSON stay as they are."""
    try:
        arguments = json.dumps(json.loads(call.arguments), ensure_ascii=False)
    except (ValueError, RecursionError):
        arguments = " ".join(call.arguments.split())
    return f"{call.name}({arguments})"
