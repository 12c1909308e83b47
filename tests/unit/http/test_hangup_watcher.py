"""A hang-up reaches the request it belongs to, and no other."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from queue import SimpleQueue

import pytest

from entrypoints.http.hangups import HangupWatcher, PeerRegister
from tests.support.eventually import eventually

SECONDS = 10.0


@pytest.fixture(scope="module")
def watcher() -> HangupWatcher:
    return HangupWatcher()


def test_a_hang_up_is_noticed_while_nothing_is_sent(watcher: HangupWatcher) -> None:
    ours, theirs = socket.socketpair()
    called = threading.Event()
    with ours, watcher.watch(ours) as watch:
        watch.on_hangup(called.set)
        assert not called.is_set()
        theirs.close()
        assert called.wait(SECONDS)
        assert watch.gone


def test_it_is_noticed_behind_bytes_nobody_has_read(watcher: HangupWatcher) -> None:
    ours, theirs = socket.socketpair()
    called = threading.Event()
    with ours, watcher.watch(ours) as watch:
        watch.on_hangup(called.set)
        theirs.sendall(b"one more request")
        theirs.close()
        assert called.wait(SECONDS)


def test_a_client_that_went_before_anybody_listened_is_told_at_once(watcher: HangupWatcher) -> None:
    ours, theirs = socket.socketpair()
    calls: list[bool] = []
    with ours, watcher.watch(ours) as watch:
        theirs.close()
        eventually(lambda: watch.gone, "the hang-up")
        watch.on_hangup(lambda: calls.append(True))
        assert calls == [True]


def test_nobody_is_called_after_the_request_has_ended(watcher: HangupWatcher) -> None:
    ours, theirs = socket.socketpair()
    called = threading.Event()
    with ours:
        with watcher.watch(ours) as watch:
            watch.on_hangup(called.set)
        theirs.close()
        after_it(watcher)
        assert not called.is_set()


class ToldRegister(PeerRegister):
    """Tells what a test puts into it, be it true or stale."""

    def __init__(self) -> None:
        super().__init__()
        self.events: SimpleQueue[tuple[int, int]] = SimpleQueue()

    def wait(self) -> list[tuple[int, int]]:
        return [self.events.get()]


def test_an_event_of_a_closed_connection_never_reaches_the_next_one_with_its_number() -> None:
    register = ToldRegister()
    watcher = HangupWatcher(register)
    with ExitStack() as held:
        (one, _), (two, other) = (map(held.enter_context, socket.socketpair()) for _ in range(2))
        living = held.enter_context(watcher.watch(one))
        leaving = held.enter_context(watcher.watch(two))
        other.close()
        register.events.put((one.fileno(), 0))
        register.events.put((two.fileno(), 2))
        eventually(lambda: leaving.gone, "the true event")
        assert not living.gone


def test_a_connection_is_watched_again_for_its_next_request(watcher: HangupWatcher) -> None:
    ours, theirs = socket.socketpair()
    called = threading.Event()
    with ours:
        for _ in range(3):
            with watcher.watch(ours) as watch:
                watch.on_hangup(called.set)
        with watcher.watch(ours) as watch:
            watch.on_hangup(called.set)
            theirs.close()
            assert called.wait(SECONDS)


def test_one_thread_watches_all(watcher: HangupWatcher) -> None:
    after_it(watcher)
    before = threading.active_count()
    with ExitStack() as held:
        watches = []
        others = []
        for _ in range(40):
            ours, theirs = socket.socketpair()
            held.enter_context(ours)
            others.append(held.enter_context(theirs))
            watches.append(held.enter_context(watcher.watch(ours)))
        assert threading.active_count() == before
        for each in others:
            each.close()
        eventually(lambda: all(watch.gone for watch in watches), "all hang-ups")


def test_a_request_without_a_socket_is_never_gone(watcher: HangupWatcher) -> None:
    with watcher.watch(None) as watch:
        watch.on_hangup(lambda: pytest.fail("nobody hung up"))
        assert not watch.gone


def after_it(watcher: HangupWatcher) -> None:
    """Returns when the watcher has handled everything that happened before."""
    ours, theirs = socket.socketpair()
    with ours, watcher.watch(ours) as watch:
        theirs.close()
        eventually(lambda: watch.gone, "the last hang-up")
