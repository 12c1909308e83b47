"""One question on its way: who is asked, how long that took to find, and the answer."""

from __future__ import annotations

import time
from dataclasses import dataclass

from domain.inference import GenerationRequest
from domain.serving.load_wishes import LoadWishes
from entrypoints.cli.answer import Answer
from entrypoints.cli.presenters.answer_view import PrintedAnswer
from entrypoints.cli.presenters.run_speed import verbose_lines
from entrypoints.cli.run_arguments import Arguments
from entrypoints.cli.services import Context
from entrypoints.cli.talkers import SERVER, Talkers
from ports.model_worker import GenerationStream


@dataclass(slots=True)
class Exchange:
    """A question that was asked. answer: empty until it was listened to; served_by is final then. load_seconds: until
    the model was ready. memory_warning: of the load, None without one.
    """

    spec: str
    model: str
    served_by: str
    load_seconds: float
    memory_warning: str | None
    events: GenerationStream
    answer: Answer


class Asker:
    """Asks, and shows what comes back, as the arguments say."""

    def __init__(self, context: Context, arguments: Arguments) -> None:
        console = context.console
        self._console = console
        self._arguments = arguments
        self._colour = context.settings({}).colour.value
        self.live = console.output_is_terminal and not console.json and not arguments.no_stream

    def begin(self, talkers: Talkers, spec: str, request: GenerationRequest, wishes: LoadWishes) -> Exchange:
        """Blocks while the model is loaded; warns of its size. Raises as Chat.execute does."""
        begun = time.monotonic()
        chosen = talkers.choose(spec, wishes)
        reply = chosen.talker.execute(spec, request, streamed=self.live, loading=wishes)
        asked = time.monotonic()
        self.warn(reply.warning)
        return Exchange(
            spec, reply.model.name, chosen.served_by, asked - begun, reply.warning, reply.events, Answer(asked)
        )

    def listen(self, talkers: Talkers, exchange: Exchange) -> None:
        """Show the answer as it comes, and the remarks on it once it is whole. Raises as the events do."""
        exchange.answer.listen(
            exchange.events,
            PrintedAnswer(
                self._console, live=self.live, thoughts=not self._arguments.no_reasoning, colour=self._colour
            ),
        )
        exchange.served_by = talkers.who_answered(exchange.spec, exchange.served_by)
        self._remark(exchange)

    def warn(self, warning: str | None) -> None:
        if warning is not None:
            self._console.note(f"run: Warning: {warning}")

    def _remark(self, exchange: Exchange) -> None:
        answer = exchange.answer
        finished = answer.finished
        if finished is None:
            return
        for warning in finished.warnings:
            self.warn(warning)
        if not self._arguments.verbose:
            return
        if answer.reasoning and not self._arguments.no_reasoning and not self._console.output_is_terminal:
            self._console.note(f"[Reasoning]\n{answer.reasoning.rstrip()}")
        if exchange.served_by == SERVER:
            self._console.note("Answered through a running server")
        for line in verbose_lines(finished, exchange.load_seconds):
            self._console.note(line)
