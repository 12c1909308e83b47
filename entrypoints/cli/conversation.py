"""The chat at a terminal: `mlxk run MODEL` without a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from domain.catalog.printable import printable
from domain.errors import MlxkError
from domain.inference import GenerationRequest, Message, Role
from domain.serving.load_wishes import PLAINLY, LoadWishes
from entrypoints.cli.answer import Answer
from entrypoints.cli.console import Console
from entrypoints.cli.errors import error_lines
from entrypoints.cli.prompt import checked

if TYPE_CHECKING:
    from application.inference.chat import Chat

INTERRUPTED_NOTE = "Generation interrupted by user"
LEAVING = frozenset({"exit", "quit", "q"})
QUESTION_MARK = "> "
WAYS_OUT = "Leave with exit, quit, q or Ctrl-D; Ctrl-C stops an answer."


class Conversation:
    """Keeps the turns, so that every question is asked with all that went before. opening: a system message or ()."""

    def __init__(
        self,
        console: Console,
        opening: tuple[Message, ...],
        request: Callable[[tuple[Message, ...]], GenerationRequest],
        *,
        live: bool,
    ) -> None:
        self._console = console
        self._turns = opening
        self._request = request
        self._live = live

    def hold(self, chat: Chat, spec: str, loading: LoadWishes = PLAINLY) -> None:
        """Talk until the person leaves. Raises what loading the model raises; a failed answer is shown and the
        conversation goes on.
        """
        prepared = chat.prepare(spec, loading)
        if prepared.warning is not None:
            self._console.complain(f"run: Warning: {prepared.warning}")
        self._console.line(f"Chatting with {printable(prepared.model.name)}. {WAYS_OUT}")
        while True:
            try:
                said = self._listen()
                if said is None:
                    return
                self._reply(chat, spec, said)
            except MlxkError as error:
                for line in error_lines("run", error):
                    self._console.complain(line)

    def _listen(self) -> str | None:
        """The next question; None when the person leaves."""
        while True:
            try:
                line = self._console.ask(QUESTION_MARK)
            except KeyboardInterrupt:
                line = None
            if line is None:
                self._console.line()
                return None
            said = line.strip()
            if said.lower() in LEAVING:
                return None
            if said:
                return checked(said)

    def _reply(self, chat: Chat, spec: str, said: str) -> None:
        """Answer one question. The turn is kept when anything was answered, also when that was cut short."""
        turns = (*self._turns, Message(Role.USER, said))
        answer = Answer(self._console, live=self._live)
        try:
            answer.listen(chat.execute(spec, self._request(turns), streamed=self._live).events)
        except KeyboardInterrupt:
            self._console.note(f"[{INTERRUPTED_NOTE}]")
        if answer.text:
            self._turns = (*turns, Message(Role.ASSISTANT, answer.text))
