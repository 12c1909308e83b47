"""A hang-up reaches the request it belongs to, and no other."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack

import pytest

from entrypoints.http.hangups import HangupWatcher
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


def test_a_descriptor_used_again_belongs_to_its_new_request_only(watcher: HangupWatcher) -> None:
    for _ in range(50):
        ours, theirs = socket.socketpair()
        number = ours.fileno()
        with watcher.watch(ours) as watch:
            theirs.close()
        ours.close()
        with ExitStack() as held:
            pair = [held.enter_context(each) for each in socket.socketpair()]
            again = next((each for each in pair if each.fileno() == number), pair[0])
            with watcher.watch(again) as fresh:
                after_it(watcher)
                assert not fresh.gone
        assert watch.gone in (True, False)


def test_one_thread_watches_all(watcher: HangupWatcher) -> None:
    with ExitStack() as held:
        watches = []
        others = []
        for _ in range(40):
            ours, theirs = socket.socketpair()
            held.enter_context(ours)
            others.append(theirs)
            watches.append(held.enter_context(watcher.watch(ours)))
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("hangups") == 1
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
