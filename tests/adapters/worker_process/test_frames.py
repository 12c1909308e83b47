"""JSON objects over a socket."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.worker_process import frames
from adapters.worker_process.channel import FrameChannel
from adapters.worker_process.frames import FrameSocket
from domain.errors import InternalError

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
MESSAGES = st.dictionaries(st.text(), VALUES, max_size=6)


class Line:
    """Two ends, and the raw socket below the second."""

    def __init__(self) -> None:
        left, self.raw = socket.socketpair()
        self.left, self.right = FrameSocket(left), FrameSocket(self.raw)

    def close(self) -> None:
        self.left.close()
        self.right.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


@settings(max_examples=40)
@given(messages=st.lists(MESSAGES, max_size=4))
def test_what_is_sent_arrives_in_order(messages: list[dict[str, object]]) -> None:
    line = Line()
    try:
        for message in messages:
            line.left.send(message)
        assert [line.right.receive() for _ in messages] == messages
    finally:
        line.close()


def test_half_a_character_survives_the_way(line: Line) -> None:
    line.left.send({"text": "\ud83e"})
    assert line.right.receive() == {"text": "\ud83e"}


def test_a_message_larger_than_the_sockets_buffer_arrives(line: Line) -> None:
    message: dict[str, object] = {"text": "x" * 3_000_000}
    sender = threading.Thread(target=line.left.send, args=(message,))
    sender.start()
    assert line.right.receive() == message
    sender.join()


def test_frames_of_many_threads_do_not_mix(line: Line) -> None:
    def send(owner: int) -> None:
        for number in range(10):  # each larger than the socket's buffer, so that it is sent in several parts
            line.left.send({"owner": owner, "number": number, "text": "x" * 400_000})

    threads = [threading.Thread(target=send, args=(owner,)) for owner in range(4)]
    for thread in threads:
        thread.start()
    found = [line.right.receive() for _ in range(40)]
    for thread in threads:
        thread.join()
    for owner in range(4):
        assert [frame["number"] for frame in found if frame and frame["owner"] == owner] == list(range(10))


@pytest.mark.parametrize("sent", [b"", b"\0\0", struct.pack("!I", 20) + b'{"cut":'])
def test_an_end_that_goes_away_is_the_end_even_in_a_frame(line: Line, sent: bytes) -> None:
    line.raw.sendall(sent)
    line.right.close()
    assert line.left.receive() is None


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\xff\xfe", b"[1, 2]", b'"text"', b"12", b"[" * 100_000])
def test_a_frame_that_is_no_json_object_is_refused(line: Line, body: bytes) -> None:
    line.raw.sendall(struct.pack("!I", len(body)) + body)
    with pytest.raises(InternalError, match="the other end sent a frame"):
        line.left.receive()


@given(st.binary(max_size=60))
def test_no_bytes_whatever_give_anything_but_a_message_an_end_or_a_refusal(noise: bytes) -> None:
    line = Line()
    try:
        line.raw.sendall(noise)
        line.right.close()
        try:
            while (message := line.left.receive()) is not None:
                assert isinstance(message, dict)
        except InternalError:
            pass
    finally:
        line.close()


def test_a_frame_over_the_limit_is_refused_before_it_is_read(line: Line) -> None:
    line.raw.sendall(struct.pack("!I", frames.MAX_FRAME_BYTES + 1))
    with pytest.raises(InternalError, match="67,108,865 bytes"):
        line.left.receive()


def test_a_frame_over_the_limit_is_not_sent(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_FRAME_BYTES", 100)
    with pytest.raises(InternalError, match="over the limit of 100"):
        line.left.send({"text": "x" * 100})
    line.left.send({"small": 1})
    assert line.right.receive() == {"small": 1}


TAILS = st.lists(st.binary(max_size=300), min_size=1, max_size=5)


@settings(max_examples=40)
@given(messages=st.lists(st.tuples(MESSAGES, TAILS | st.just([])), max_size=4))
def test_bytes_beside_a_message_arrive_with_it(messages: list[tuple[dict[str, object], list[bytes]]]) -> None:
    line = Line()
    try:
        for message, tails in messages:
            line.left.send({**message, "kind": 1}, tails)
        for message, tails in messages:
            assert line.right.receive() == {**message, "kind": 1, **({"tails": tails} if tails else {})}
    finally:
        line.close()


def test_as_many_bytes_as_a_request_may_show_arrive_between_small_frames(line: Line) -> None:
    tails = [bytes([at]) * 10_000_000 for at in range(5)]

    def send() -> None:
        line.left.send({"first": 1})
        line.left.send({"kind": "start"}, tails)
        line.left.send({"last": 1})

    sender = threading.Thread(target=send)
    sender.start()
    assert line.right.receive() == {"first": 1}
    assert line.right.receive() == {"kind": "start", "tails": tails}
    assert line.right.receive() == {"last": 1}
    sender.join()


def test_tails_over_a_limit_are_not_sent_and_the_line_stays_good(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_TAILS_BYTES", 100)
    monkeypatch.setattr(frames, "MAX_TAILS", 3)
    with pytest.raises(InternalError, match="tails of 101 bytes, over 100"):
        line.left.send({}, [b"x" * 50, b"x" * 51])
    with pytest.raises(InternalError, match="4 tails, over 3"):
        line.left.send({}, [b""] * 4)
    line.left.send({"small": 1}, [b"x" * 50, b"x" * 50])
    assert line.right.receive() == {"small": 1, "tails": [b"x" * 50, b"x" * 50]}


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ("[67108865]", "tails of 67,108,865 bytes"),
        ("[60000000, 60000000]", "tails of 120,000,000 bytes"),
        (f"[{'1,' * 1024}1]", "1,025 tails"),
        ("[-1]", "no lengths"),
        ("[true]", "no lengths"),
        ("[1.0]", "no lengths"),
        ("5", "no lengths"),
        ("null", "no lengths"),
        ('{"0": 1}', "no lengths"),
    ],
)
def test_tails_that_cannot_be_are_refused_before_anything_of_them_is_read(line: Line, lengths: str, words: str) -> None:
    body = f'{{"tails": {lengths}}}'.encode()
    line.raw.sendall(struct.pack("!I", len(body)) + body)
    with pytest.raises(InternalError, match=words):
        line.left.receive()


def test_an_end_that_goes_away_in_a_tail_is_the_end(line: Line) -> None:
    body = b'{"tails": [10, 10]}'
    line.raw.sendall(struct.pack("!I", len(body)) + body + b"x" * 15)
    line.right.close()
    assert line.left.receive() is None


@given(st.binary(max_size=60), st.lists(st.integers(-5, 50), max_size=3))
def test_noise_after_a_head_with_tails_gives_a_message_an_end_or_a_refusal(noise: bytes, lengths: list[int]) -> None:
    line = Line()
    try:
        body = json.dumps({"tails": lengths}).encode()
        line.raw.sendall(struct.pack("!I", len(body)) + body + noise)
        line.right.close()
        try:
            while (message := line.left.receive()) is not None:
                assert [len(each) for each in message.get("tails", [])] in (lengths, [])  # type: ignore[attr-defined]
        except InternalError:
            pass
    finally:
        line.close()


def test_sending_to_an_end_that_has_gone_is_a_broken_pipe(line: Line) -> None:
    line.right.close()
    with pytest.raises(BrokenPipeError):
        line.left.send({"x": "y" * 1_000_000})
    line.left.close()
    with pytest.raises(BrokenPipeError):
        line.left.send({})


def test_a_helper_that_the_worker_starts_does_not_inherit_the_line() -> None:
    ours, theirs = socket.socketpair()
    fd = theirs.detach()
    os.set_inheritable(fd, True)  # noqa: FBT003 - as the launcher hands it down
    channel = FrameChannel(fd)
    assert not os.get_inheritable(fd)
    channel.close()
    ours.close()


def test_closing_wakes_a_thread_that_waits_for_a_message(line: Line) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(line.left.receive()))
    thread.start()
    line.left.close()
    thread.join(timeout=20)
    assert found == [None]
    assert line.left.receive() is None


def test_closing_wakes_a_thread_that_waits_to_send(line: Line) -> None:
    found: list[type[BaseException]] = []

    def send() -> None:
        try:
            line.left.send({"x": "y" * 5_000_000})
        except BrokenPipeError as fault:
            found.append(type(fault))

    thread = threading.Thread(target=send)
    thread.start()
    line.raw.recv(1000)
    line.left.close()
    thread.join(timeout=20)
    assert found == [BrokenPipeError]
