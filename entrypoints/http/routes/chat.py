"""POST /v1/chat/completions: a conversation in, answers out, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, request

from application.inference.several import ChoiceEvent
from entrypoints.http.media_room import read_chat
from entrypoints.http.presenters.chat import present_answer
from entrypoints.http.presenters.chat_chunks import ChatChunks
from entrypoints.http.presenters.identity import AnswerIdentity, AnswerShape
from entrypoints.http.routes.answering import AnsweringRoutes
from entrypoints.http.schemas.answers import Answers


def chat_routes(answering: AnsweringRoutes) -> Blueprint:
    routes = Blueprint("chat", __name__)

    @routes.post("/v1/chat/completions")
    def chat_completions() -> Response:
        with ExitStack() as held:
            asked = read_chat(request, answering.limits, answering.room, held)
            return answering.respond(asked, ChatForm(), held.pop_all())

    return routes


class ChatForm:
    """Form of the chat API."""

    called = "messages"

    def whole(self, asked: Answers, model: str, events: Iterator[ChoiceEvent]) -> dict[str, object]:
        return present_answer(AnswerIdentity.fresh(model), events, _shape(asked))

    def chunks(self, asked: Answers, model: str) -> ChatChunks:
        return ChatChunks(AnswerIdentity.fresh(model), _shape(asked))


def _shape(asked: Answers) -> AnswerShape:
    scored = asked.request.logprobs is not None
    return AnswerShape(scored, asked.report, asked.include_usage, len(asked.requests), asked.answers)
