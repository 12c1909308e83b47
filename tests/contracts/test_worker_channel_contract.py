"""What every WorkerChannel does: the one whose other end is a test, and the one over a socket."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePath
from typing import cast

import pytest

from adapters.worker_process.channel import FrameChannel
from adapters.worker_process.frames import FrameSocket
from adapters.worker_process.messages import command_tails, decode_reply, encode_command
from domain.catalog import LocatedModel, ModelSource
from domain.errors import EngineDied, InternalError, ModelLoadFailed
from domain.inference import (
    Attachment,
    AttachmentKind,
    DefaultLength,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TextDelta,
    TokenLimits,
    Usage,
)
from domain.serving.vitals import EnginePulse, EngineTotals, EngineVitals
from ports.model_worker import LoadedModel
from ports.worker_channel import (
    AskVitals,
    CancelRequest,
    Command,
    ExplainPrompt,
    LoadFailed,
    LoadModel,
    ModelLoaded,
    Reply,
    RequestEvents,
    StartRequest,
    TellVitals,
    WorkerChannel,
    WorkerStarted,
)
from tests.support.fakes.worker_channel import Front

MODEL = LocatedModel("org/näme", PurePath("/models/näme"), ModelSource.CACHE, "a" * 40)
REQUEST = GenerationRequest(
    (Message(Role.SYSTEM, "brief"), Message(Role.USER, "héllo \ud83e")),
    TokenLimits(DefaultLength.FULL_CONTEXT, 8, 100),
    SamplingRequest(0.5, 0.9, seed=3),
    ("stop", "\n"),
)
PICTURE = Attachment.of(AttachmentKind.IMAGE, bytes(range(256)) * 50, 3, "näme.png")
SHOWING = GenerationRequest(
    (Message(Role.USER, "look at it", attachments=(PICTURE, Attachment.of(AttachmentKind.VIDEO, b"v", 10))),)
)
COMMANDS: tuple[Command, ...] = (
    LoadModel(MODEL),
    StartRequest(7, REQUEST),
    ExplainPrompt(8, REQUEST),
    StartRequest(9, SHOWING),
    CancelRequest(7),
    CancelRequest(99),
    AskVitals(),
)
REPLIES: tuple[Reply, ...] = (
    WorkerStarted(12),
    ModelLoaded(LoadedModel("org/näme", 4096, 12, 10**10)),
    RequestEvents([(7, TextDelta("né")), (8, Finished(FinishReason.STOP, Usage(3, 4)))]),
    TellVitals(EngineVitals(EnginePulse(2, 1, 0.25), EngineTotals(steps=9), 0.5, preparing=1, preparing_seconds=0.125)),
)


@dataclass(frozen=True)
class Line:
    """The worker's end, and what the front does with the other one."""

    worker: WorkerChannel
    say: Callable[[Command], None]
    babble: Callable[[], None]
    hear: Callable[[], Reply]
    hang_up: Callable[[], None]


def fake_line() -> Iterator[Line]:
    front = Front()
    babble = InternalError("this is no command")
    yield Line(front, front.commands.put, lambda: front.commands.put(babble), front.hears, front.hang_up)


def socket_line() -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    front, worker = FrameSocket(ours), FrameChannel(theirs.detach())

    def hear() -> Reply:
        message = front.receive()
        assert message is not None
        return decode_reply(message)

    def say(command: Command) -> None:
        front.send(encode_command(command), command_tails(command))

    yield Line(worker, say, lambda: front.send({"kind": "dance"}), hear, front.close)
    front.close()
    worker.close()


@pytest.fixture(params=[fake_line, socket_line], ids=lambda make: make.__name__)
def line(request: pytest.FixtureRequest) -> Iterator[Line]:
    make: Callable[[], Iterator[Line]] = request.param
    yield from make()


def test_commands_arrive_whole_and_in_order(line: Line) -> None:
    for command in COMMANDS:
        line.say(command)
    assert tuple(line.worker.receive() for _ in COMMANDS) == COMMANDS


def test_pictures_arrive_byte_for_byte_with_their_request_however_large(line: Line) -> None:
    large = Attachment.of(AttachmentKind.IMAGE, bytes(range(256)) * 10_000, 0)
    command = StartRequest(1, GenerationRequest((Message(Role.USER, "", attachments=(large, PICTURE, large)),)))
    with ThreadPoolExecutor(1) as threads:
        saying = threads.submit(line.say, command)
        assert line.worker.receive() == command
        saying.result(20)


def test_replies_arrive_whole_and_in_order(line: Line) -> None:
    for reply in REPLIES:
        line.worker.send(reply)
    assert tuple(line.hear() for _ in REPLIES) == REPLIES


def test_errors_arrive_as_what_they_were(line: Line) -> None:
    line.worker.send(LoadFailed(ModelLoadFailed("cannot load org/x: no weights", hint="look at it")))
    line.worker.send(RequestEvents([(7, EngineDied("the worker died"))]))
    failed, events = line.hear(), line.hear()
    assert isinstance(failed, LoadFailed)
    assert isinstance(failed.error, ModelLoadFailed)
    assert (failed.error.message, failed.error.hint) == ("cannot load org/x: no weights", "look at it")
    assert isinstance(events, RequestEvents)
    assert isinstance(events.events[0][1], EngineDied)


def test_receiving_blocks_for_a_command_that_comes_later(line: Line) -> None:
    asked = threading.Event()

    def ask() -> Command | None:
        asked.set()
        return line.worker.receive()

    with ThreadPoolExecutor(1) as threads:
        command = threads.submit(ask)
        assert asked.wait(20)
        line.say(CancelRequest(1))
        assert command.result(20) == CancelRequest(1)


def test_what_is_no_command_is_an_internal_error(line: Line) -> None:
    line.babble()
    with pytest.raises(InternalError):
        line.worker.receive()


def test_a_front_that_has_gone_is_none_from_then_on_after_what_it_said(line: Line) -> None:
    line.say(CancelRequest(1))
    line.hang_up()
    heard: queue.SimpleQueue[Command | None] = queue.SimpleQueue()

    def receive_thrice() -> None:
        for _ in range(3):
            heard.put(line.worker.receive())

    threading.Thread(target=receive_thrice, daemon=True).start()
    assert [heard.get(timeout=20) for _ in range(3)] == [CancelRequest(1), None, None]


def test_a_front_that_goes_wakes_whoever_waits_for_it(line: Line) -> None:
    with ThreadPoolExecutor(1) as threads:
        command = threads.submit(line.worker.receive)
        line.hang_up()
        assert command.result(20) is None


def test_nothing_can_be_sent_to_a_front_that_has_gone(line: Line) -> None:
    line.hang_up()
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            line.worker.send(WorkerStarted(1))


def test_any_thread_sends_whole_replies_in_its_own_order(line: Line) -> None:
    long = "x" * 5000

    def talk(thread: int) -> None:
        for number in range(20):
            line.worker.send(RequestEvents([(thread, TextDelta(f"{number} {long}"))]))

    with ThreadPoolExecutor(4) as threads:
        talking = [threads.submit(talk, thread) for thread in range(4)]
        heard = [cast("RequestEvents", line.hear()).events[0] for _ in range(80)]
        for each in talking:
            each.result(20)
    for thread in range(4):
        said = [event for owner, event in heard if owner == thread]
        assert said == [TextDelta(f"{number} {long}") for number in range(20)]
