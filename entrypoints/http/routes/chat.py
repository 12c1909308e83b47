"""POST /v1/chat/completions: a conversation in, an answer out, whole or streamed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, jsonify, request

from application.inference.chat import ChatAnswer
from domain.inference import GenerationEvent
from entrypoints.http.access_log import note_model
from entrypoints.http.admission import AnswerSlots
from entrypoints.http.errors import ClientGone
from entrypoints.http.hangups import HangupWatcher
from entrypoints.http.limits import HttpLimits
from entrypoints.http.media_room import MediaRoom, read_chat
from entrypoints.http.presenters.chat import AnswerIdentity, AnswerShape, present_answer
from entrypoints.http.presenters.ignored import HEADER, present_ignored
from entrypoints.http.presenters.sse import ChatChunks, event_stream
from entrypoints.http.schemas.chat import ChatBody
from entrypoints.http.services import Services

log = logging.getLogger(__name__)


def chat_routes(
    services: Services, limits: HttpLimits, slots: AnswerSlots, hangups: HangupWatcher, room: MediaRoom
) -> Blueprint:
    routes = Blueprint("chat", __name__)

    @routes.post("/v1/chat/completions")
    def chat_completions() -> Response:
        with ExitStack() as held:
            body = read_chat(request, limits, room, held)
            held.enter_context(slots.take())
            watch = held.enter_context(hangups.watch(request.environ.get("gunicorn.socket")))
            watch.on_hangup(services.model_pool().wake)
            answer = _ask(services, body, lambda: watch.gone)
            if answer.warning is not None:
                log.warning("%s", answer.warning)
            note_model(request.environ, answer.model.name)
            held.callback(answer.events.cancel)
            watch.on_hangup(answer.events.cancel)
            identity = AnswerIdentity.fresh(answer.model.name)
            response = _streamed(body, answer, identity, held) if body.stream else _whole(body, answer, identity)
        if body.ignored:
            response.headers[HEADER] = present_ignored(body.ignored)
        return response

    return routes


def _ask(services: Services, body: ChatBody, given_up: Callable[[], bool]) -> ChatAnswer:
    if body.loaded is not None:
        return services.chat_loaded().execute(body.loaded, body.request, streamed=body.stream, given_up=given_up)
    return services.chat().execute(body.model, body.request, streamed=body.stream, given_up=given_up)


def _shape(body: ChatBody) -> AnswerShape:
    return AnswerShape(body.request.logprobs is not None, body.report, body.include_usage)


def _whole(body: ChatBody, answer: ChatAnswer, identity: AnswerIdentity) -> Response:
    return jsonify(present_answer(identity, answer.events, _shape(body)))


def _streamed(body: ChatBody, answer: ChatAnswer, identity: AnswerIdentity, held: ExitStack) -> Response:
    """The first event decides: an error before it is a status and a body like any other."""
    first = _first(answer.events)
    chunks = ChatChunks(identity, _shape(body))
    return event_stream(chunks.stream(first, answer.events), on_close=held.pop_all().close)


def _first(events: Iterator[GenerationEvent]) -> GenerationEvent:
    for event in events:
        return event
    raise ClientGone
