"""From a parsed body to its response: places, hang-ups, and clients that wait."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from flask import Response, jsonify, request

from application.inference.answering import PatientAnswer
from application.inference.several import ChoiceEvent, SeveralAnswers, ask_for_all, patiently, to_the_end
from domain.inference import GenerationRequest
from entrypoints.http.access_log import note_model
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.errors import ClientGone
from entrypoints.http.hangups import HangupWatcher
from entrypoints.http.limits import HttpLimits
from entrypoints.http.media_room import MediaRoom
from entrypoints.http.opening import GivenUp, Opened, Opening
from entrypoints.http.presenters.ignored import HEADER, present_ignored
from entrypoints.http.presenters.sse import Chunks, event_stream, written
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.services import Services


class Form(Protocol):
    """How one API spells answers. called: the field that holds the prompt."""

    @property
    def called(self) -> str: ...

    def whole(self, asked: Answers, model: str, events: Iterator[ChoiceEvent]) -> dict[str, object]:
        """Reads them to the end. Raises ClientGone when they were cancelled, and whatever `events` raises."""

    def chunks(self, asked: Answers, model: str) -> Chunks: ...


@dataclass(frozen=True, slots=True)
class AnsweringRoutes:
    """What the routes that answer share. slots: places for answers, every choice counted. room: for what they show."""

    services: Services
    limits: HttpLimits
    slots: AnswerSlots
    hangups: HangupWatcher
    room: MediaRoom

    def respond(self, asked: Answers, form: Form, attached: ExitStack | None = None) -> Response:
        """Within a request. attached: what it holds until the answer has ended. Raises what ends it before anything was
        sent.
        """
        with ExitStack() as held:
            if attached is not None:
                held.enter_context(attached)
            held.enter_context(self.slots.take(len(asked.requests)))
            watch = held.enter_context(self.hangups.watch(request.environ.get("gunicorn.socket")))
            environ = request.environ

            def begin(given_up: GivenUp) -> SeveralAnswers:
                answers = self._ask(asked, form, given_up)
                note_model(environ, answers.model.name)
                return answers

            opening: Opening[ChoiceEvent] = Opening(begin, watch, self.services.model_pool().wake)
            held.callback(opening.abandon)
            if asked.stream:
                response = self._streamed(asked, form, opening, held)
            else:
                answers = opening.here()
                response = jsonify(form.whole(asked, answers.model.name, to_the_end(answers.events)))
        if asked.ignored:
            response.headers[HEADER] = present_ignored(asked.ignored)
        return response

    def _ask(self, asked: Answers, form: Form, given_up: GivenUp) -> SeveralAnswers:
        def ask(each: GenerationRequest) -> PatientAnswer:
            joining = each is not asked.requests[0]
            if asked.loaded is not None:
                chat = self.services.chat_loaded()
                return chat.execute(asked.loaded, each, streamed=asked.stream, given_up=given_up, joining=joining)
            return self.services.chat().execute(
                asked.model, each, streamed=asked.stream, given_up=given_up, joining=joining
            )

        return ask_for_all(ask, asked.requests, form.called)

    def _streamed(self, asked: Answers, form: Form, opening: Opening[ChoiceEvent], held: ExitStack) -> Response:
        """The first event decides: an error before it is a status and a body like any other. Where it takes long, the
        stream begins all the same, and an error becomes an event.
        """
        until = time.monotonic() + self.limits.silent_seconds
        answers = self._opened(asked, opening)
        events: Iterator[ChoiceEvent | None]
        if answers is not None and (first := _first(answers, until - time.monotonic())) is not None:
            rest = patiently(answers.events, self.limits.heartbeat_seconds)
            events, model = itertools.chain((first,), rest), answers.model.name
        else:
            events, model = opening.late(answers, self.limits.heartbeat_seconds), None
        chunks = written(events, lambda: form.chunks(asked, model or opening.model))
        return event_stream(chunks, on_close=held.pop_all().close)

    def _opened(self, asked: Answers, opening: Opening[ChoiceEvent]) -> Opened[ChoiceEvent] | None:
        """None where it takes too long. A thread of its own is for those that may have to wait for their model only."""
        if asked.loaded is not None or self.services.chat().at_hand(asked.model):
            return opening.here()
        opening.beside()
        return opening.within(self.limits.silent_seconds)


def _first(answers: Opened[ChoiceEvent], seconds: float) -> ChoiceEvent | None:
    try:
        return answers.events.next_within(max(0.0, seconds))
    except StopIteration:
        raise ClientGone from None
