"""The chat at a terminal: `mlxk run MODEL` without a question."""

from __future__ import annotations

from domain.catalog.printable import printable
from domain.errors import MlxkError
from domain.inference import Message
from entrypoints.cli.asking import Asker, Exchange
from entrypoints.cli.chat_commands import ChatCommands, is_command
from entrypoints.cli.chat_input import ChatInput
from entrypoints.cli.chat_state import ChatState
from entrypoints.cli.errors import error_lines
from entrypoints.cli.prompt import INTERRUPTED_NOTE, checked
from entrypoints.cli.run_arguments import Arguments
from entrypoints.cli.run_request import RequestFor
from entrypoints.cli.services import Context
from entrypoints.cli.talkers import SERVER, Talkers

LEAVING = frozenset({"exit", "quit", "q"})
WAYS_OUT = "Leave with exit, quit, q or Ctrl-D; Ctrl-C stops an answer; /help tells more."
STILL_SHOWN = "The pictures still go with your next question; /image alone takes them back."
STILL_HEARD = "The sounds still go with your next question; /audio alone takes them back."


class Conversation:
    """Keeps the turns, so that every question is asked with all that went before."""

    def __init__(self, context: Context, arguments: Arguments, request: RequestFor, talkers: Talkers) -> None:
        self._context = context
        self._console = context.console
        self._arguments = arguments
        self._request = request
        self._talkers = talkers
        self._asker = Asker(context, arguments)

    def hold(self, opening: tuple[Message, ...], attached: str) -> None:
        """Talk until the person leaves. opening: a system message or (). attached: goes with the first question.

        Raises what loading the model raises; a failed answer is shown and the chat goes on.
        """
        state = self._begin(opening, attached)
        commands = ChatCommands(self._console, state, self._prepare)
        typed = ChatInput(self._console, self._context.settings({}), commands.completions)
        while True:
            try:
                said = typed.next()
                if said is None or (not said.literal and said.text.lower() in LEAVING):
                    return
                if not said.literal and is_command(said.text):
                    if commands.run(said.text):
                        return
                    continue
                self._reply(state, checked(said.text))
            except MlxkError as error:
                self._complain(error)
            except KeyboardInterrupt:
                self._console.line()

    def _begin(self, opening: tuple[Message, ...], attached: str) -> ChatState:
        wishes = self._arguments.wishes()
        state = ChatState(self._arguments.model, "", wishes, opening, attached)
        self._prepare(state)
        self._console.line(f"Chatting with {printable(state.model)}. {WAYS_OUT}")
        if attached:
            self._console.note("The files go with your first question.")
        return state

    def _prepare(self, state: ChatState) -> None:
        """Load the state's model, unless a server has it, and note its full name."""
        chosen = self._talkers.choose(state.spec, state.wishes)
        prepared = chosen.talker.prepare(state.spec, state.wishes)
        state.model, state.sees, state.hears = prepared.model.name, prepared.sees, prepared.hears
        self._asker.warn(prepared.warning)
        if self._arguments.verbose and chosen.served_by == SERVER:
            self._console.note("Talking through a running server")

    def _reply(self, state: ChatState, said: str) -> None:
        """Answer one question. The turn is kept when anything was answered, also when that was cut short. Pictures
        and sounds that may be why there was no answer would go with the next question too: the person is told.
        """
        exchange: Exchange | None = None
        try:
            exchange = self._asker.begin(
                self._talkers, state.spec, self._request(state.with_question(said)), state.wishes
            )
            self._asker.listen(self._talkers, exchange)
        except KeyboardInterrupt:
            self._console.note(f"[{INTERRUPTED_NOTE}]")
        except MlxkError as error:
            self._complain(error)
            if state.pictures:
                self._console.note(STILL_SHOWN)
            if state.sounds:
                self._console.note(STILL_HEARD)
            return
        if exchange is not None:
            state.keep(said, exchange)

    def _complain(self, error: MlxkError) -> None:
        for line in error_lines("run", error):
            self._console.complain(line)
