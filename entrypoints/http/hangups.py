"""One thread that notices clients hanging up, also while their answers have nothing to send.

The kernel reports the other side's FIN: epoll's RDHUP on Linux, kqueue's EOF elsewhere. Both registers may be changed
while the thread waits on them, so a request costs two system calls and no wake-up.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

Cancel = Callable[[], None]


class Watch:
    """One open request. `on_hangup` may come after the hang-up: then it is called at once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._cancel: Cancel | None = None
        self.gone = False

    def on_hangup(self, cancel: Cancel) -> None:
        """cancel: thread-safe, quick, raises nothing; called once, on the watcher's thread or on this one."""
        with self._guard:
            self._cancel = cancel
            gone = self.gone
        if gone:
            cancel()

    def hang_up(self) -> None:
        with self._guard:
            self.gone = True
            cancel = self._cancel
        if cancel is not None:
            cancel()


if sys.platform == "linux":

    class PeerRegister:
        """Sockets by descriptor. epoll keeps no numbers: the socket itself is asked again."""

        def __init__(self) -> None:
            self._epoll = select.epoll()

        def add(self, descriptor: int, _number: int) -> None:
            self._epoll.register(descriptor, select.EPOLLRDHUP)

        def remove(self, descriptor: int) -> None:
            self._epoll.unregister(descriptor)

        def wait(self) -> list[tuple[int, int]]:
            """Blocks; descriptors that may have hung up, with 0."""
            return [(descriptor, 0) for descriptor, _ in self._epoll.poll()]

        def is_current(self, descriptor: int, _current: int, _reported: int) -> bool:
            poller = select.poll()
            poller.register(descriptor, select.POLLRDHUP)
            return bool(poller.poll(0))

else:

    class PeerRegister:
        """Sockets by descriptor, each with the number of its watch."""

        def __init__(self) -> None:
            self._kqueue = select.kqueue()

        def add(self, descriptor: int, number: int) -> None:
            flags = select.KQ_EV_ADD | select.KQ_EV_CLEAR
            self._kqueue.control([select.kevent(descriptor, select.KQ_FILTER_READ, flags, udata=number)], 0)

        def remove(self, descriptor: int) -> None:
            self._kqueue.control([select.kevent(descriptor, select.KQ_FILTER_READ, select.KQ_EV_DELETE)], 0)

        def wait(self) -> list[tuple[int, int]]:
            """Blocks; descriptors whose other side has closed, with the number they were added with."""
            events = self._kqueue.control(None, 64)
            return [(each.ident, int(each.udata)) for each in events if each.flags & select.KQ_EV_EOF]

        def is_current(self, _descriptor: int, current: int, reported: int) -> bool:
            return current == reported


class HangupWatcher:
    """Thread-safe. A descriptor is watched only while its request is open, and the server closes a socket only after
    that; so a descriptor that is registered is the socket it was registered for. An event may still be read just
    before its descriptor is given to the next client: it counts only when it is that watch's own.
    """

    def __init__(self, register: PeerRegister | None = None) -> None:
        self._register = register or PeerRegister()
        self._guard = threading.Lock()
        self._watches: dict[int, tuple[int, Watch]] = {}
        self._numbers = 0
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watch(self, connection: socket.socket | None) -> Iterator[Watch]:
        """Watch a connection while the context lasts. None (a test client without sockets) is never gone."""
        watch = Watch()
        if connection is None:
            yield watch
            return
        descriptor = connection.fileno()
        with self._guard:
            self._start()
            self._numbers += 1
            self._register.add(descriptor, self._numbers)
            self._watches[descriptor] = (self._numbers, watch)
        try:
            yield watch
        finally:
            with self._guard:
                del self._watches[descriptor]
                with contextlib.suppress(OSError):
                    self._register.remove(descriptor)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="hangups", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            for descriptor, number in self._register.wait():
                with self._guard:
                    watch = self._taken(descriptor, number)
                if watch is not None:
                    log.debug("the client hung up")
                    watch.hang_up()

    def _taken(self, descriptor: int, number: int) -> Watch | None:
        """The watch an event belongs to, reported no further; None when it is stale. Under the lock."""
        current, watch = self._watches.get(descriptor, (0, None))
        if watch is None or not self._register.is_current(descriptor, current, number):
            return None
        with contextlib.suppress(OSError):
            self._register.remove(descriptor)
        return watch
