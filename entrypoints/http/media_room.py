"""Memory for large bodies, and for what is attached to open answers: this process must not run out of it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from flask import Request

from domain.errors import PayloadTooLarge, ServerBusy
from entrypoints.http.body import parse_json, read_body, read_json
from entrypoints.http.limits import HttpLimits
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.schemas.chat import parse_chat

# What a body takes while it is read, in bodies: its bytes, its text, and what is decoded of it.
COPIES_WHILE_READ = 3
PATIENCE_SECONDS = 10.0  # of a large body, which its client has not sent yet
MOST_WAITING = 32


class MediaRoom:
    """Thread-safe. most_bytes: for all requests together. parsing: to be held while a large body is parsed: the
    interpreter does nothing else for long moments then, and two at once would double them for everybody.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._taken = 0
        self._waiting = 0
        self._changed = threading.Condition()
        self.parsing = threading.Lock()

    def take(self, size: int, patience_seconds: float = 0.0) -> Room:
        """So many bytes, once they are free. Raises ServerBusy when they are not within the patience, at once when too
        many wait already.
        """
        with self._changed:
            if not self._free(size) and size <= self._most_bytes and self._waiting < MOST_WAITING:
                self._waiting += 1
                try:
                    self._changed.wait_for(lambda: self._free(size), patience_seconds)
                finally:
                    self._waiting -= 1
            if not self._free(size):
                raise ServerBusy("other requests fill the room for pictures and sounds", hint="try again in a moment")
            self._taken += size
        return Room(self, size)

    def give_back(self, size: int) -> None:
        with self._changed:
            self._taken -= size
            self._changed.notify_all()

    def _free(self, size: int) -> bool:
        """Nothing is free however full it is."""
        return size == 0 or self._taken + size <= self._most_bytes


class Room:
    """What one request has taken, until the context is left. One thread."""

    def __init__(self, whole: MediaRoom, size: int) -> None:
        self._whole = whole
        self._size = size

    def shrink(self, size: int) -> None:
        """Keep so much of it."""
        freed, self._size = self._size - size, size
        self._whole.give_back(freed)

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self.shrink(0)


def read_chat(request: Request, limits: HttpLimits, room: MediaRoom, held: ExitStack) -> Answers:
    """A chat's body. One that is larger than text may be has to announce its length, and is read where there is room;
    what is attached has its room until `held` is closed.

    Raises as read_json and parse_chat do; PayloadTooLarge for too much text; ServerBusy.
    """
    announced = request.content_length or 0
    if announced <= limits.chat_body_bytes:
        body = parse_chat(read_json(request, limits.chat_body_bytes), limits.default_max_tokens)
        held.enter_context(room.take(body.request.attached_bytes))
        return body
    most_bytes = max(limits.picture_body_bytes, limits.chat_body_bytes)
    reading = COPIES_WHILE_READ * min(announced, most_bytes)
    taken = held.enter_context(room.take(reading, PATIENCE_SECONDS))
    raw = [read_body(request, most_bytes)]
    with room.parsing:
        body = parse_chat(parse_json(raw.pop()), limits.default_max_tokens)
    attached = body.request.attached_bytes
    if announced - _encoded(attached) > limits.chat_body_bytes:
        raise PayloadTooLarge(
            f"without its pictures the body is larger than {limits.chat_body_bytes:,} bytes",
            hint="shorten the conversation",
        )
    taken.shrink(attached)
    return body


def _encoded(size: int) -> int:
    """Bytes as base64, at most."""
    return size * 4 // 3 + 4
