"""Raw WebSocket clients of a live session, and the events that they got."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

SECONDS = 30.0
HEARD = "conversation.item.input_audio_transcription"

Event = dict[str, Any]


class LiveClient:
    """One session. events: all that came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[Event] = []

    def say(self, kind: str, **fields: object) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def update(self, model: str = "org/ears", **heard: object) -> Event:
        """A transcription session by hand, unless `turn_detection` says otherwise; the answer."""
        session = {"type": "transcription", "audio": {"input": {
            "transcription": {"model": model}, "turn_detection": None, **heard,
        }}}  # fmt: skip
        self.say("session.update", session=session)
        return self.until("session.updated", "error")

    def append(self, sound: bytes, size: int = 4_801) -> None:
        """In pieces of so many bytes, half samples and all."""
        for at in range(0, len(sound), size):
            self.say("input_audio_buffer.append", audio=b64encode(sound[at : at + size]).decode())

    def read(self) -> Event:
        event: Event = json.loads(self.socket.recv(timeout=SECONDS))
        self.events.append(event)
        return event

    def until(self, *kinds: str) -> Event:
        while (event := self.read())["type"] not in kinds:
            pass
        return event

    def text(self) -> str:
        """Of the next turn that is answered. Its deltas are that text."""
        event = self.until(f"{HEARD}.completed", f"{HEARD}.failed")
        assert event["type"] == f"{HEARD}.completed", event
        deltas = [e["delta"] for e in self.events if e["type"] == f"{HEARD}.delta" and e["item_id"] == event["item_id"]]
        assert "".join(deltas) == event["transcript"]
        return str(event["transcript"])


@contextmanager
def talking(url: str, query: str = "?intent=transcription", **options: Any) -> Iterator[LiveClient]:
    """url: of the server, http and all."""
    address = url.replace("http", "ws", 1) + f"/v1/realtime{query}"
    with connect(address, open_timeout=SECONDS, proxy=None, **options) as socket:
        client = LiveClient(socket)
        client.until("session.created", "transcription_session.created")
        yield client
