"""Memory for large bodies, and for what is attached to open answers: this process must not run out of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from flask import Request

from domain.errors import PayloadTooLarge, ServerBusy
from entrypoints.http.body import read_json
from entrypoints.http.limits import HttpLimits
from entrypoints.http.schemas.chat import ChatBody, parse_chat

# What a body takes while it is read, in bodies: its bytes, its text, and what is decoded of it.
COPIES_WHILE_READ = 3


class MediaRoom:
    """Thread-safe. most_bytes: for all requests together."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._taken = 0
        self._guard = threading.Lock()

    @contextmanager
    def take(self, size: int) -> Iterator[None]:
        """So many bytes while the context lasts. Raises ServerBusy when others have them."""
        with self._guard:
            if size and self._taken + size > self._most_bytes:
                raise ServerBusy("other requests fill the room for pictures", hint="try again in a moment")
            self._taken += size
        try:
            yield
        finally:
            with self._guard:
                self._taken -= size


def read_chat(request: Request, limits: HttpLimits, room: MediaRoom, held: ExitStack) -> ChatBody:
    """A chat's body. One that is larger than text may be has to announce its length, and is read where there is room;
    what is attached has its room until `held` is closed.

    Raises as read_json and parse_chat do; PayloadTooLarge for too much text; ServerBusy.
    """
    announced = request.content_length or 0
    if announced <= limits.chat_body_bytes:
        body = parse_chat(read_json(request, limits.chat_body_bytes), limits.default_max_tokens)
    else:
        with room.take(COPIES_WHILE_READ * min(announced, limits.picture_body_bytes)):
            body = parse_chat(read_json(request, limits.picture_body_bytes), limits.default_max_tokens)
    attached = body.request.attached_bytes
    if announced - _encoded(attached) > limits.chat_body_bytes:
        raise PayloadTooLarge(
            f"without its pictures the body is larger than {limits.chat_body_bytes:,} bytes",
            hint="shorten the conversation",
        )
    held.enter_context(room.take(attached))
    return body


def _encoded(size: int) -> int:
    """Bytes as base64, at most."""
    return size * 4 // 3 + 4
