"""What a chat at a terminal remembers between two questions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.inference import Attachment, Message, Role
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.asking import Exchange
from entrypoints.cli.prompt import joined


@dataclass(slots=True)
class ChatState:
    """One owner, the chat's only thread. spec: the model as it was asked for; model: its full name. turns: all that was
    said, the system message first. attached: goes before the next question; pictures, sounds: they too. last: the
    latest exchange that was whole. sees, hears: the model can be shown pictures, given sounds; None where nobody has
    said.
    """

    spec: str
    model: str
    wishes: LoadWishes
    turns: tuple[Message, ...] = ()
    attached: str = ""
    pictures: tuple[Attachment, ...] = ()
    sounds: tuple[Attachment, ...] = ()
    sees: bool | None = None
    hears: bool | None = None
    answers: int = 0
    written_tokens: int = 0
    last: Exchange | None = None

    @property
    def system(self) -> str | None:
        return self.turns[0].content if self.turns and self.turns[0].role is Role.SYSTEM else None

    @property
    def said(self) -> tuple[Message, ...]:
        """Without the system message."""
        return self.turns if self.system is None else self.turns[1:]

    def set_system(self, text: str | None) -> None:
        """None: no system message."""
        opening = () if text is None else (Message(Role.SYSTEM, text),)
        self.turns = (*opening, *self.said)

    def with_question(self, question: str) -> tuple[Message, ...]:
        """The conversation as the model gets it, with this question at its end: thoughts are not sent back."""
        return (*(replace(turn, reasoning="") for turn in self.turns), self._asked(question))

    def keep(self, question: str, exchange: Exchange) -> None:
        """The question and what was answered, also when that was cut short; nothing when nothing was said."""
        finished = exchange.answer.finished
        if finished is not None:
            self.answers += 1
            self.written_tokens += finished.usage.completion_tokens
            self.last = exchange
        turn = exchange.answer.turn
        if turn is not None:
            self.turns = (*self.turns, self._asked(question), turn)
            self.attached, self.pictures, self.sounds = "", (), ()

    def _asked(self, question: str) -> Message:
        return Message(Role.USER, joined((self.attached, question)), attachments=(*self.pictures, *self.sounds))
