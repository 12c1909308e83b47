"""`mlxk run MODEL [prompt...]`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from domain.errors import GenerationFailed, Interrupted
from domain.inference import DefaultLength, GenerationRequest, Message, Role, SamplingRequest, TokenLimits
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli import prompt as prompts
from entrypoints.cli.answer import Answer
from entrypoints.cli.conversation import INTERRUPTED_NOTE, Conversation
from entrypoints.cli.services import Context, Outcome

if TYPE_CHECKING:
    from application.inference.chat import Chat


@dataclass(frozen=True, slots=True)
class Arguments:
    """As in the option table. words: the prompt's."""

    model: str
    words: tuple[str, ...] = ()
    prompt: str | None = None
    system: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    no_stream: bool = False
    force: bool = False

    def opening(self) -> tuple[Message, ...]:
        """The turns before the first question."""
        return () if self.system is None else (Message(Role.SYSTEM, prompts.checked(self.system)),)

    def request_for(self) -> Callable[[tuple[Message, ...]], GenerationRequest]:
        """From a conversation to a request with these limits. Raises InvalidRequest for a value out of range."""
        return partial(
            GenerationRequest,
            limits=TokenLimits(DefaultLength.FULL_CONTEXT, requested=self.max_tokens),
            sampling=SamplingRequest(temperature=self.temperature, top_p=self.top_p, seed=self.seed),
        )


def execute(context: Context, arguments: Arguments) -> Outcome:
    """Answer one question; chat when there is none and somebody is there to ask."""
    console = context.console
    question = prompts.assemble(arguments.words, arguments.prompt, console)
    opening, request = arguments.opening(), arguments.request_for()
    live = console.output_is_terminal and not console.json and not arguments.no_stream
    if question is not None:
        asked = request((*opening, Message(Role.USER, question)))
        single = _Single(context, arguments.model, asked, live=live, force=arguments.force)
        return Outcome(data=lambda: single.data(question), show=single.show)
    if console.json or not console.input_is_terminal:
        raise prompts.missing()

    def converse() -> None:
        with _chat(context) as chat:
            Conversation(console, opening, request, live=live).hold(
                chat, arguments.model, LoadWishes(force=arguments.force)
            )

    return Outcome(data=None, show=converse)


class _Single:
    """One question and its answer."""

    def __init__(self, context: Context, spec: str, request: GenerationRequest, *, live: bool, force: bool) -> None:
        self._context = context
        self._spec = spec
        self._request = request
        self._live = live
        self._force = force

    def show(self) -> None:
        """Print the answer. Raises Interrupted on Ctrl-C."""
        self._ask()

    def data(self, question: str) -> dict[str, object]:
        """The data of the envelope. Raises Interrupted on Ctrl-C."""
        model, answer = self._ask()
        if answer.finished is None:
            raise GenerationFailed("the answer ended without its last event", hint="try again")
        usage = answer.finished.usage
        return {
            "model": model,
            "prompt": question,
            "response": answer.text,
            "finish_reason": answer.finished.reason.value,
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            },
        }

    def _ask(self) -> tuple[str, Answer]:
        answer = Answer(self._context.console, live=self._live)
        with _chat(self._context) as chat:
            try:
                reply = chat.execute(
                    self._spec, self._request, streamed=self._live, loading=LoadWishes(force=self._force)
                )
                if reply.warning is not None:
                    self._context.console.complain(f"run: Warning: {reply.warning}")
                answer.listen(reply.events)
            except KeyboardInterrupt:
                raise Interrupted(INTERRUPTED_NOTE) from None
        return reply.model.name, answer


@contextmanager
def _chat(context: Context) -> Iterator[Chat]:
    """The use case, and an end to its worker processes."""
    services = context.services()
    try:
        yield services.chat()
    finally:
        services.model_pool().close()
