"""POST /v1/audio/speech: a text in, a voice that says it out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from flask import Blueprint, Response, request

from application.inference.several import patiently
from application.inference.speak import SpeechAnswer
from domain.inference.speech import SpeechEvent
from entrypoints.http.access_log import note_model
from entrypoints.http.body import read_json
from entrypoints.http.errors import ClientGone
from entrypoints.http.opening import GivenUp, Opened, Opening
from entrypoints.http.presenters.breaking import in_pieces, until_it_breaks
from entrypoints.http.presenters.ignored import naming_ignored
from entrypoints.http.presenters.speech import CONTENT_TYPES, speech_bytes, speech_events
from entrypoints.http.presenters.sse import event_stream
from entrypoints.http.routes.answering import AnsweringRoutes
from entrypoints.http.schemas.speech import SpeechBody, parse_speech


def speech_routes(answering: AnsweringRoutes) -> Blueprint:
    routes = Blueprint("speech", __name__)
    speaking = SpeakingRoute(answering)

    @routes.post("/v1/audio/speech")
    def speech() -> Response:
        asked = parse_speech(read_json(request, answering.limits.chat_body_bytes))
        return naming_ignored(asked.ignored, speaking.respond(asked))

    return routes


@dataclass(frozen=True, slots=True)
class SpeakingRoute:
    """What the route shares with others."""

    shared: AnsweringRoutes

    def respond(self, asked: SpeechBody) -> Response:
        """Within a request. An error before the first byte is a status and a body like any other; a later one breaks
        the connection, or is an event among events.
        """
        shared = self.shared
        shared.services.speak().check(asked.model)
        with ExitStack() as held:
            held.enter_context(shared.slots.take())
            watch = held.enter_context(shared.hangups.watch(request.environ.get("gunicorn.socket")))
            environ = request.environ

            def begin(given_up: GivenUp) -> SpeechAnswer:
                answer = shared.services.speak().execute(asked.model, asked.request, given_up=given_up)
                note_model(environ, answer.model.name)
                return answer

            opening: Opening[SpeechEvent] = Opening(begin, watch, shared.services.model_pool().wake)
            held.callback(opening.abandon)
            if asked.events:
                return self._as_events(asked, opening, held)
            answer = opening.here()
            first = _first(answer, None)
            pieces = speech_bytes(itertools.chain((first,), patiently(answer.events, shared.limits.heartbeat_seconds)))
            return in_pieces(until_it_breaks(pieces), held.pop_all(), CONTENT_TYPES[asked.request.format])

    def _as_events(self, asked: SpeechBody, opening: Opening[SpeechEvent], held: ExitStack) -> Response:
        """Where the first piece takes long, the stream begins all the same."""
        limits = self.shared.limits
        until = time.monotonic() + limits.silent_seconds
        answer = self._opened(asked, opening)
        events: Iterator[SpeechEvent | None]
        if answer is not None and (first := _first(answer, until)) is not None:
            events = itertools.chain((first,), patiently(answer.events, limits.heartbeat_seconds))
        else:
            events = opening.late(answer, limits.heartbeat_seconds)
        return event_stream(speech_events(events), on_close=held.pop_all().close)

    def _opened(self, asked: SpeechBody, opening: Opening[SpeechEvent]) -> Opened[SpeechEvent] | None:
        """None where it takes too long."""
        if self.shared.services.speak().at_hand(asked.model):
            return opening.here()
        opening.beside()
        return opening.within(self.shared.limits.silent_seconds)


def _first(answer: Opened[SpeechEvent], until: float | None) -> SpeechEvent | None:
    """until: of the monotonic clock; None waits as long as it takes."""
    try:
        return answer.events.next_within(None if until is None else max(0.0, until - time.monotonic()))
    except StopIteration:
        raise ClientGone from None
