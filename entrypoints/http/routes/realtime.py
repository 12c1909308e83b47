"""GET /v1/realtime: a WebSocket on which sound comes in as it is said, and its text goes out."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from flask import Blueprint, Flask, Response, g, request
from flask_sock import Sock
from simple_websocket import Server

from domain.errors import InvalidRequest, UnsupportedParameter
from domain.inference.live_session import LiveSettings
from entrypoints.http.access_log import log_session
from entrypoints.http.errors import ProtocolFault
from entrypoints.http.limits import HttpLimits
from entrypoints.http.presenters.realtime import Dialect
from entrypoints.http.realtime.dialogue import Dialogue, Patience
from entrypoints.http.realtime.guarded_socket import GuardedSocket
from entrypoints.http.realtime.line import Hung, Line, ReaderThread
from entrypoints.http.realtime.open_sessions import OpenSessions
from entrypoints.http.request_ids import fresh_name
from entrypoints.http.services import LiveSession, Services

PATH = "/v1/realtime"
PROTOCOL, BETA_PROTOCOL = "realtime", "openai-beta.realtime-v1"
RECEIVE_BYTES = 64 * 1024
SOCKET = "gunicorn.socket"
VERSION, KEY = "Sec-WebSocket-Version", "Sec-WebSocket-Key"


@dataclass(frozen=True, slots=True)
class RealtimeRoutes:
    """sessions: the places, shared with whoever ends them all."""

    services: Services
    limits: HttpLimits
    sessions: OpenSessions

    def check_in(self) -> None:
        """Before the answer is a WebSocket's: whatever is wrong with the request has a status of HTTP. Raises
        ProtocolFault, InvalidRequest, ServerBusy, ServerShutdown.
        """
        if request.routing_exception is not None:
            return
        _check_query()
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return  # `plain` says what this is
        if request.headers.get(VERSION) != "13" or not request.headers.get(KEY):
            raise ProtocolFault(426, "upgrade_required", f"a WebSocket needs {KEY} and {VERSION}: 13")
        g.held = ExitStack()
        g.held.enter_context(self.sessions.place())
        g.guarded = request.environ[SOCKET] = GuardedSocket(request.environ[SOCKET])
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)  # sound does not compress

    def serve(self, socket: Server) -> None:
        line = Line(socket, g.guarded)
        now = time.monotonic()
        seconds = self.limits.realtime_seconds
        beta = request.headers.get("OpenAI-Beta") == "realtime=v1" or BETA_PROTOCOL in _protocols()
        dialect = Dialect(fresh_name("sess"), int(time.time() + seconds), beta)
        dialogue = Dialogue(line, dialect)
        settings = LiveSettings(model=request.args.get("model") or None)
        dialogue.greet(settings)
        try:
            with (
                self.services.open_realtime().execute(settings, dialogue.tell, partial(fresh_name, "item")) as session,
                self.sessions.attended(line),
            ):
                line.on_end(partial(self._give_up, session))
                dialogue.run(session, Patience(now + seconds, self.limits.realtime_idle_seconds, time.monotonic))
        except Hung:
            pass
        finally:
            g.guarded.close()
            log_session(PATH, line.sent_bytes, time.monotonic() - now)

    def _give_up(self, session: LiveSession) -> None:
        session.close()
        self.services.model_pool().wake()


def _check_query() -> None:
    if (intent := request.args.get("intent", "transcription")) != "transcription":
        raise InvalidRequest(
            f"intent must be transcription, got {intent[:40]!r}", hint="this server's sessions do not answer",
            param="intent",
        )  # fmt: skip
    if "call_id" in request.args:
        raise UnsupportedParameter("there are no calls here to join", hint="leave it out", param="call_id")


def _protocols() -> list[str]:
    return [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


def add_realtime(app: Flask, realtime: RealtimeRoutes) -> None:
    """The WebSocket, and what a plain GET there is told."""
    app.config["SOCK_SERVER_OPTIONS"] = {
        "subprotocols": [PROTOCOL],
        "receive_bytes": RECEIVE_BYTES,
        "ping_interval": realtime.limits.ping_seconds,
        "max_message_size": realtime.limits.realtime_message_bytes,
        "thread_class": ReaderThread,
    }
    routes = Blueprint("realtime", __name__)
    routes.before_request(realtime.check_in)

    @routes.after_request
    def name_status(response: Response) -> Response:
        """The library answers by itself, and returns a response that nobody sends."""
        if "held" in g and response.status_code == 200:
            response.status_code = 101
        return response

    @routes.teardown_request
    def leave(_: BaseException | None) -> None:
        if (held := g.pop("held", None)) is not None:
            held.close()

    Sock().route(PATH, bp=routes)(realtime.serve)

    @routes.get(PATH)
    def plain() -> Response:
        raise ProtocolFault(
            426,
            "upgrade_required",
            "this is a WebSocket",
            "connect with a WebSocket client; docs/realtime.md shows how",
        )

    app.register_blueprint(routes)
