"""One client's one request, by hand: to the end, slowly, half, or with an early leave."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from tests.support.raw_http import head
from tests.support.soak.ledger import Entry, Outcome
from tests.support.soak.wishes import Manner, Wish

BITE_BYTES = 256
BITE_SECONDS = 0.01
SMALL_BUFFER = 4096
TOO_SLOW = 408

Texts = tuple[str, ...]


class Lost(Exception):
    """Neither an answer nor an error that names itself."""


class Told(Exception):
    """An error that names itself: (status, type, message, the texts until then); status 200 inside a stream."""


def visit(port: int, wish: Wish, right: Mapping[tuple[str, int], Texts], seconds: float) -> Entry:
    """seconds: within which every request has an answer or an error."""
    begin = time.monotonic()

    def entry(outcome: Outcome, error: str = "", told: str = "") -> Entry:
        return Entry(wish, outcome, time.monotonic() - begin, error, told)

    expected = None if wish.seeded is None else right.get((wish.model, wish.seeded))
    try:
        raw = _exchange(port, wish, begin + seconds)
        if raw is None:
            return entry(Outcome.LEFT)
        texts = read(raw, wish)
    except Told as error:
        status, kind, message, texts = error.args
        if expected and not all(whole.startswith(part) for whole, part in zip(expected, texts, strict=False)):
            return entry(Outcome.WRONG, kind, f"{texts!r} is no beginning of {expected!r}")
        slow = wish.manner is Manner.SILENT and status == TOO_SLOW
        return entry(Outcome.LEFT if slow else Outcome.REFUSED, kind, message)
    except (Lost, OSError, ValueError, KeyError) as fault:
        return entry(Outcome.LOST, "", f"{type(fault).__name__}: {fault}")
    if expected is not None and texts != expected:
        return entry(Outcome.WRONG, "", f"{texts!r} instead of {expected!r}")
    return entry(Outcome.ANSWERED)


def request_bytes(wish: Wish) -> bytes:
    payload = json.dumps(wish.body()).encode()
    headers = {"Content-Type": "application/json", "Content-Length": len(payload), "Connection": "close"}
    return head("POST", wish.path, headers) + payload


def _exchange(port: int, wish: Wish, deadline: float) -> bytes | None:
    """All that the server says; None for a client that has left."""
    raw = request_bytes(wish)
    with socket.socket() as line:
        if wish.manner is Manner.SLOWLY:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        line.settimeout(_left(deadline))
        line.connect(("127.0.0.1", port))
        if wish.manner in (Manner.HALF, Manner.SILENT):
            raw = raw[: max(1, int(len(raw) * wish.share))]
        line.sendall(raw)
        if wish.manner is Manner.HALF:
            return None
        if wish.manner is Manner.LEAVES:
            _leave(line, wish.patience)
            return None
        return _read_all(line, deadline, slowly=wish.manner is Manner.SLOWLY)


def _leave(line: socket.socket, patience: float) -> None:
    """Read for a moment, then go, whatever has come."""
    until = time.monotonic() + patience
    while (left := until - time.monotonic()) > 0:
        line.settimeout(left)
        try:
            if not line.recv(BITE_BYTES):
                return
        except TimeoutError:
            return


def _read_all(line: socket.socket, deadline: float, *, slowly: bool) -> bytes:
    received = bytearray()
    while True:
        line.settimeout(_left(deadline))
        piece = line.recv(BITE_BYTES if slowly else 65536)
        if not piece:
            return bytes(received)
        received += piece
        if slowly:
            time.sleep(BITE_SECONDS)  # this is what a slow reader does


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Lost("no end within the limit")
    return left


def read(raw: bytes, wish: Wish) -> Texts:
    """The text of each choice. Raises Told and Lost."""
    top, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        raise Lost(f"the connection closed after {raw[:100]!r}")
    status = int(top.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in top.lower():
        body = _unchunked(body)
    if status != 200:
        error = json.loads(body)["error"]
        raise Told(status, error["type"], error["message"], ())
    return _streamed(body, wish) if wish.stream else _whole(body, wish)


def _whole(body: bytes, wish: Wish) -> Texts:
    told = json.loads(body)
    if len(told["choices"]) != wish.choices or any(each["finish_reason"] is None for each in told["choices"]):
        raise Lost(f"choices are missing or unfinished: {body[:200]!r}")
    by_place = sorted(told["choices"], key=lambda each: int(each["index"]))
    return tuple(_said(each, "message") for each in by_place)


def _streamed(body: bytes, wish: Wish) -> Texts:
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    texts = [""] * wish.choices
    ended = [False] * wish.choices
    for event in events:
        if event.strip() == b"[DONE]":
            if not all(ended):
                raise Lost("[DONE] before every choice had its end")
            return tuple(texts)
        told = json.loads(event)
        if "error" in told:
            raise Told(200, told["error"]["type"], told["error"]["message"], tuple(texts))
        for choice in told.get("choices", ()):
            place = int(choice["index"])
            texts[place] += _said(choice, "delta")
            ended[place] |= choice["finish_reason"] is not None
    raise Lost(f"the stream broke off: {(events or [b''])[-1][:200]!r}")


def _said(choice: dict[str, Any], where: str) -> str:
    if "text" in choice:
        return choice["text"] or ""
    told = choice[where]
    return "".join(told.get(name) or "" for name in ("reasoning_content", "content"))


def _unchunked(body: bytes) -> bytes:
    """Raises Lost when it breaks off: a stream that ends without its last chunk was cut."""
    pieces: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return b"".join(pieces)
        pieces.append(body[:length])
        body = body[length + 2 :]
    raise Lost(f"the response was cut: {b''.join(pieces)[-200:]!r}")
