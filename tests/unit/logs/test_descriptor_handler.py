"""A log that nobody reads holds nobody up."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from entrypoints.logs.descriptor_handler import MOST_WAITING_BYTES, DescriptorHandler


class Pipe:
    """A pipe, and a handler that writes to it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.handler = DescriptorHandler(self.writing)

    def say(self, text: str) -> None:
        self.handler.handle(logging.LogRecord("x", logging.INFO, "f", 1, text, None, None))

    def heard(self) -> str:
        """Everything that is in the pipe now."""
        said = b""
        try:
            while piece := os.read(self.reading, 65536):
                said += piece
        except BlockingIOError:
            return said.decode()
        return said.decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.writing)
    os.close(made.reading)


def test_a_line_is_there_at_once(pipe: Pipe) -> None:
    pipe.say("hello")
    assert pipe.heard() == "hello\n"


def test_a_full_pipe_blocks_nobody_and_what_fits_is_kept_in_order(pipe: Pipe) -> None:
    lines = [f"{number} {'x' * 1000}" for number in range(300)]
    for line in lines:
        pipe.say(line)
    said = pipe.heard()
    assert len(said) < 300 * 1000, "the pipe was full"
    pipe.say("last")
    while more := pipe.heard():
        said += more
        pipe.handler.acquire()
        pipe.handler._write(0.0)
        pipe.handler.release()
    assert said.splitlines() == [*lines, "last"]


def test_lines_that_find_no_room_are_counted(pipe: Pipe) -> None:
    sent = MOST_WAITING_BYTES // 10_000 + 100
    for _ in range(sent):
        pipe.say("x" * 9_999)
    said = pipe.heard()
    while "lost" not in said:
        pipe.say("more")
        said += pipe.heard()
    whole = said.count("x" * 9_999)
    (lost,) = (line for line in said.splitlines() if "lost" in line)
    assert 100 <= whole < sent
    assert int(lost.split()[0]) >= sent - whole


def test_a_reader_that_has_gone_is_no_error() -> None:
    pipe = Pipe()
    os.close(pipe.reading)
    pipe.say("into nothing")
    pipe.handler.flush()
    os.close(pipe.writing)
