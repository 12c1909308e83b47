"""What a library may not do while it loads a voice or speaks: reach a network, start programs, read pickles."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FORBIDDEN = {
    "socket.connect": "reach a network",
    "socket.getaddrinfo": "reach a network",
    "socket.gethostbyname": "reach a network",
    "subprocess.Popen": "start a program",
    "os.system": "start a program",
    "os.exec": "start a program",
    "os.posix_spawn": "start a program",
    "os.fork": "start a program",
    "pickle.find_class": "read a pickle, which may run anything",
}


class _Here(threading.local):
    """Of this thread: how many are inside of one another."""

    depth = 0


_here = _Here()
_installing = threading.Lock()
_installed = False


class Confined(Exception):
    """A library tried what it may not."""


@contextmanager
def confined() -> Iterator[None]:
    """For what this thread does meanwhile; others are free. Python's own events are watched, so whatever way a library
    goes there; what it then meets is Confined.
    """
    _install()
    _here.depth += 1
    try:
        yield
    finally:
        _here.depth -= 1


def _install() -> None:
    global _installed  # noqa: PLW0603 - a hook cannot be taken out again, so there is one for the process
    with _installing:
        if not _installed:
            sys.addaudithook(_judge)
            _installed = True


def _judge(event: str, _arguments: tuple[object, ...]) -> None:
    if event in FORBIDDEN and _here.depth:
        raise Confined(f"it wants to {FORBIDDEN[event]}, which is never done here ({event})")
