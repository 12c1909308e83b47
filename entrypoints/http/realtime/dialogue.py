"""One session over one line: what the client says to the session, what the session tells to the client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wsproto.frame_protocol import CloseReason

from domain.errors import InvalidRequest, MlxkError
from domain.inference.live_session import LiveEvent, LiveSettings
from entrypoints.http.body import parse_json
from entrypoints.http.presenters.realtime import Dialect, cleared, farewell, trouble
from entrypoints.http.realtime.base64_line import Base64Line
from entrypoints.http.realtime.line import Line
from entrypoints.http.schemas.realtime import APPEND, BETA_UPDATE, CLEAR, COMMIT, audio_of, kind_of, updated
from entrypoints.http.services import LiveSession

LONGEST_NAME = 512


@dataclass(frozen=True, slots=True)
class Patience:
    """ends_at: when the session has lasted long enough. idle_seconds: how long a client may say nothing. clock:
    monotonic seconds.
    """

    ends_at: float
    idle_seconds: float
    clock: Callable[[], float]

    @property
    def left(self) -> float:
        return min(self.idle_seconds, self.ends_at - self.clock())

    @property
    def over(self) -> bool:
        return self.clock() >= self.ends_at


class Dialogue:
    """One thread runs it; what the session tells may come from others."""

    def __init__(self, line: Line, dialect: Dialect) -> None:
        self._line = line
        self._dialect = dialect
        self._base64 = Base64Line()

    def tell(self, event: LiveEvent) -> None:
        """Thread-safe, raises nothing."""
        for each in self._dialect.events(event):
            self._line.tell(each)

    def greet(self, settings: LiveSettings) -> None:
        self._line.tell(self._dialect.session(settings, "created"))

    def run(self, session: LiveSession, patience: Patience) -> None:
        """Until the client has gone (Hung), or the session has to end: then what was said is answered, and the line is
        closed with the reason.
        """
        while not patience.over and (message := self._line.receive(patience.left)) is not None:
            self._hear(session, message)
        if self._line.stopping:
            code, why, close = "server_shutdown", "the server is stopping", CloseReason.GOING_AWAY
        elif patience.over:
            code, why, close = (
                "session_expired",
                "the session has lasted as long as one may",
                CloseReason.NORMAL_CLOSURE,
            )
        else:
            code, why, close = "session_idle", "the client has said nothing for too long", CloseReason.NORMAL_CLOSURE
        session.finish()
        self._line.tell(farewell(code, why))
        self._line.close(close, code)

    def _hear(self, session: LiveSession, message: str | bytes) -> None:
        event: object = None
        try:
            if isinstance(message, bytes):
                raise InvalidRequest("events are text frames of JSON, and this one is binary")
            event = parse_json(message.encode())
            self._obey(session, kind_of(event), event)
        except MlxkError as fault:
            self._line.tell(trouble(fault, _name_of(event)))

    def _obey(self, session: LiveSession, kind: str, event: object) -> None:
        if kind == APPEND:
            session.append(self._base64.read(audio_of(event)))
        elif kind == COMMIT:
            session.append(self._base64.rest())
            session.commit()
        elif kind == CLEAR:
            self._base64.clear()
            session.clear()
            self._line.tell(cleared())
        else:
            beta = self._dialect.beta or kind == BETA_UPDATE
            settings, notes = updated(session.settings, event, beta=beta)
            session.update(settings)
            self._dialect.beta = beta
            self._line.tell(self._dialect.session(settings, "updated", notes))


def _name_of(event: object) -> str | None:
    name = event.get("event_id") if isinstance(event, dict) else None
    return name[:LONGEST_NAME] if isinstance(name, str) else None
