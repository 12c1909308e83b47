"""POST /v1/audio/transcriptions and /v1/audio/translations: a sound in, what is said in it out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from flask import Blueprint, Response, request

from application.inference.several import patiently
from application.inference.transcribe import HearingAnswer
from domain.inference.sound import SoundBytes
from domain.inference.sound_limits import MOST_SOUND_BYTES
from domain.inference.transcription import HearingEvent, HearingProgress, Transcription
from entrypoints.http.access_log import note_model
from entrypoints.http.errors import ClientGone
from entrypoints.http.form import MOST_FORM_BYTES, Form, read_form
from entrypoints.http.media_room import PATIENCE_SECONDS
from entrypoints.http.opening import GivenUp, Opened, Opening
from entrypoints.http.presenters.ignored import naming_ignored
from entrypoints.http.presenters.sse import event_stream
from entrypoints.http.presenters.transcription import present_transcription, transcript_events
from entrypoints.http.routes.answering import AnsweringRoutes
from entrypoints.http.schemas.transcription import FILE, TranscriptionBody, parse_transcription, parse_translation

COPIES_WHILE_READ = 2  # its bytes as they come, and as they are kept


def transcription_routes(answering: AnsweringRoutes) -> Blueprint:
    routes = Blueprint("transcriptions", __name__)
    hearing = HearingRoutes(answering)

    @routes.post("/v1/audio/transcriptions")
    def transcriptions() -> Response:
        return hearing.respond(parse_transcription)

    @routes.post("/v1/audio/translations")
    def translations() -> Response:
        return hearing.respond(parse_translation)

    return routes


@dataclass(frozen=True, slots=True)
class HearingRoutes:
    """What both routes share."""

    shared: AnsweringRoutes

    def respond(self, parse: Callable[[Form], TranscriptionBody]) -> Response:
        """Within a request. The sound has its room until the answer has ended."""
        shared = self.shared
        with ExitStack() as held:
            asked = self._read(parse, held)
            shared.services.transcribe().check(asked.model, asked.request.task)
            held.enter_context(shared.slots.take())
            watch = held.enter_context(shared.hangups.watch(request.environ.get("gunicorn.socket")))
            environ = request.environ

            def begin(given_up: GivenUp) -> HearingAnswer:
                answer = shared.services.transcribe().execute(
                    asked.model, asked.request, streamed=asked.stream, given_up=given_up
                )
                note_model(environ, answer.model.name)
                return answer

            opening: Opening[HearingEvent] = Opening(begin, watch, shared.services.model_pool().wake)
            held.callback(opening.abandon)
            if asked.stream:
                response = self._streamed(asked, opening, held)
            else:
                response = present_transcription(asked, _whole(opening.here()))
        return naming_ignored(asked.ignored, response)

    def _read(self, parse: Callable[[Form], TranscriptionBody], held: ExitStack) -> TranscriptionBody:
        """Where there is room for it. Raises as read_form and the parser do, and ServerBusy."""
        announced = request.content_length
        most = MOST_FORM_BYTES if announced is None else min(announced, MOST_FORM_BYTES)
        taken = held.enter_context(self.shared.room.take(COPIES_WHILE_READ * most, PATIENCE_SECONDS))
        asked = parse(read_form(request, FILE))
        sound = asked.request.sound
        taken.shrink(len(sound.data) if isinstance(sound, SoundBytes) else MOST_SOUND_BYTES)
        return asked

    def _streamed(self, asked: TranscriptionBody, opening: Opening[HearingEvent], held: ExitStack) -> Response:
        """The first segment decides: an error before it is a status and a body like any other. Where it takes long, the
        stream begins all the same, and an error becomes an event.
        """
        limits = self.shared.limits
        until = time.monotonic() + limits.silent_seconds
        answer = self._opened(asked, opening)
        events: Iterator[HearingEvent | None]
        if answer is not None and (first := _first(answer, until)) is not None:
            events = itertools.chain((first,), patiently(answer.events, limits.heartbeat_seconds))
        else:
            events = opening.late(answer, limits.heartbeat_seconds)
        return event_stream(transcript_events(events, asked), on_close=held.pop_all().close)

    def _opened(self, asked: TranscriptionBody, opening: Opening[HearingEvent]) -> Opened[HearingEvent] | None:
        """None where it takes too long."""
        if self.shared.services.transcribe().at_hand(asked.model):
            return opening.here()
        opening.beside()
        return opening.within(self.shared.limits.silent_seconds)


def _first(answer: Opened[HearingEvent], until: float) -> HearingEvent | None:
    """The first event that shows something."""
    while True:
        try:
            event = answer.events.next_within(max(0.0, until - time.monotonic()))
        except StopIteration:
            raise ClientGone from None
        if not isinstance(event, HearingProgress):
            return event


def _whole(answer: Opened[HearingEvent]) -> Transcription:
    """The last event. Raises ClientGone when it was cancelled."""
    while True:
        try:
            event = answer.events.next_within(None)
        except StopIteration:
            raise ClientGone from None
        if isinstance(event, Transcription):
            return event
