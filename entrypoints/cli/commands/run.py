"""`mlxk run MODEL [prompt...]`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from domain.errors import GenerationFailed, Interrupted
from domain.inference import Attachment, GenerationRequest, Message, Role
from entrypoints.cli import prompt as prompts
from entrypoints.cli.asking import Asker, Exchange
from entrypoints.cli.attachments import context_of
from entrypoints.cli.pictures import default_question, read_pictures
from entrypoints.cli.presenters.run_json import run_data
from entrypoints.cli.run_arguments import Arguments
from entrypoints.cli.run_request import RequestFor, request_for
from entrypoints.cli.services import Context, Outcome
from entrypoints.cli.talkers import Talkers, talkers_of

if TYPE_CHECKING:
    from domain.inference.transcription import TranscriptionRequest

__all__ = ["Arguments", "execute"]


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Answer one question; chat when there is none and somebody is there to ask."""
    console = context.console
    arguments.check(json=console.json)
    attached = context_of(arguments.file)
    pictures = read_pictures(arguments.image)
    question = prompts.assemble(arguments.words, arguments.prompt, console, attached)
    sounds: tuple[Attachment, ...] = ()
    if arguments.audio:
        from entrypoints.cli import hearing_run  # only a sound needs it

        heard = hearing_run.hearing_request(context, arguments, question)
        if heard is not None:
            return _heard(context, arguments, heard)
        sounds = hearing_run.read_sounds(arguments.audio, context)
        question = question or prompts.joined((attached, hearing_run.DEFAULT_QUESTION))
    elif question is None and pictures:
        question = prompts.joined((attached, default_question(len(pictures))))
    opening = () if arguments.system is None else (Message(Role.SYSTEM, prompts.checked(arguments.system)),)
    request = request_for(arguments, context.settings({}).seeing.chunk.value)
    if question is not None:
        asked = Message(Role.USER, question, attachments=(*pictures, *sounds))
        local = partial(talkers_of, context, local=arguments.local)
        single = _Single(context, arguments, request((*opening, asked)), local)
        return Outcome(data=lambda: single.data(question), show=single.show)
    if console.json or not console.input_is_terminal:
        raise prompts.missing()
    request((Message(Role.USER, "?"),))  # what no request can be is told before a model is loaded for it
    return Outcome(data=None, show=partial(_converse, context, arguments, request, (opening, attached)))


def _converse(
    context: Context, arguments: Arguments, request: RequestFor, before: tuple[tuple[Message, ...], str]
) -> None:
    from entrypoints.cli.conversation import Conversation  # only a chat needs it

    with talkers_of(context, local=arguments.local) as talkers:
        Conversation(context, arguments, request, talkers).hold(*before)


def _heard(context: Context, arguments: Arguments, heard: TranscriptionRequest) -> Outcome:
    """Of a model that only hears."""
    from entrypoints.cli.hearing_run import listeners_of

    prompt = heard.prompt or ""
    request = GenerationRequest((Message(Role.USER, prompt),))
    single = _Single(context, arguments, request, partial(listeners_of, context, heard))
    return Outcome(data=lambda: single.data(prompt), show=single.show)


class _Single:
    """One question and its answer. talkers: who may answer, while the context lasts."""

    def __init__(
        self,
        context: Context,
        arguments: Arguments,
        request: GenerationRequest,
        talkers: Callable[[], AbstractContextManager[Talkers]],
    ) -> None:
        self._context = context
        self._arguments = arguments
        self._request = request
        self._talkers = talkers

    def show(self) -> None:
        """Print the answer. Raises Interrupted on Ctrl-C."""
        self._ask()

    def data(self, question: str) -> dict[str, object]:
        """The data of the envelope. Raises Interrupted on Ctrl-C."""
        return run_data(self._ask(), question, self._arguments)

    def _ask(self) -> Exchange:
        """Raises GenerationFailed for an answer that has no end."""
        arguments = self._arguments
        asker = Asker(self._context, arguments)
        with self._talkers() as talkers:
            try:
                exchange = asker.begin(talkers, arguments.model, self._request, arguments.wishes())
                asker.listen(talkers, exchange)
            except KeyboardInterrupt:
                raise Interrupted(prompts.INTERRUPTED_NOTE) from None
        if exchange.answer.finished is None:
            raise GenerationFailed("the answer ended without its last event", hint="try again")
        return exchange
