"""The soak sees what it is there to see."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.soak.gauges import Held
from tests.support.soak.ledger import Entry, Ledger, Outcome
from tests.support.soak.report import Report
from tests.support.soak.visits import visit
from tests.support.soak.wishes import Wish, seeded

WISH = next(each for each in (seeded("steady", number) for number in range(4)) if each.choices == 1 and each.chat)
STREAMED = seeded("steady", WISH.seeded or 0, stream=True)
RIGHT = {("steady", WISH.seeded or 0): ("one two",)}


@contextmanager
def answering(raw: bytes) -> Iterator[int]:
    """The port of a server that answers one request so, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(raw)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def http(status: int, body: object) -> bytes:
    payload = json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload


def answer(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}


def stream(*events: object, whole: bool = True) -> bytes:
    lines = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in events]
    chunks = [f"{len(line):x}\r\n".encode() + line + b"\r\n" for line in lines]
    return (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks) + (b"0\r\n\r\n" if whole else b"")
    )


def piece(text: str) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


DIED = {"error": {"type": "engine_died", "message": "it died"}}


@pytest.mark.parametrize(
    ("wish", "raw", "outcome", "fault"),
    [
        (WISH, http(200, answer("one two")), Outcome.ANSWERED, False),
        (WISH, http(200, answer("one too")), Outcome.WRONG, True),
        (WISH, http(502, DIED), Outcome.REFUSED, False),
        (WISH, http(500, {"error": {"type": "internal_error", "message": "oh"}}), Outcome.REFUSED, True),
        (WISH, b"", Outcome.LOST, True),
        (STREAMED, stream(piece("one "), DIED), Outcome.REFUSED, False),
        (STREAMED, stream(piece("once "), DIED), Outcome.WRONG, True),
        (STREAMED, stream(piece("one ")), Outcome.LOST, True),
        (STREAMED, stream(piece("one "), DIED, whole=False), Outcome.LOST, True),
    ],
)
def test_an_answer_that_is_wrong_or_breaks_off_is_a_fault_and_an_honest_error_is_none(
    wish: Wish, raw: bytes, outcome: Outcome, fault: bool
) -> None:
    with answering(raw) as port:
        entry = visit(port, wish, RIGHT, seconds=10)
    assert (entry.outcome, entry.is_fault) == (outcome, fault), entry


def report(*, front: list[Held] | None = None, end: Held | None = None, answered: bool = True) -> Report:
    ledger = Ledger({})
    ledger.begin()
    if answered:
        ledger.add(Entry(WISH, Outcome.ANSWERED, 0.1))
    start = Held(50_000_000, 40, 20)
    return Report(1, 1.0, ledger, start, end=end or start, front=front or [], processes_at_start=2, processes_at_end=2)


def test_a_request_without_an_entry_is_told() -> None:
    assert report().complaints() == []
    assert report(answered=False).complaints() == ["1 requests have neither answer nor error"]


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (Held(60_000_000, 40, 20), "the front has grown by 10.0 MB"),
        (Held(50_000_000, 90, 20), "the front has more threads: [40, 40, 40] at first, [90, 90, 90] in the end"),
        (Held(50_000_000, 40, 21), "the front has more descriptors: [20, 20, 20] at first, [21, 21, 21] in the end"),
    ],
)
def test_memory_threads_or_descriptors_that_grow_between_rests_are_told(last: Held, told: str) -> None:
    rests = [Held(50_000_000, 40, 20)] * 6
    assert report(front=[*rests, *rests[:3]]).complaints() == []
    assert report(front=[*rests, *[last] * 3]).complaints() == [told]


def test_what_is_left_once_all_models_are_unloaded_is_compared_with_the_start() -> None:
    found = report(end=Held(50_000_000, 90, 25)).complaints()
    assert [each.split(":")[0] for each in found] == ["descriptors", "threads"]
