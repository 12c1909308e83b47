"""Locks that this process and huggingface_hub's both honour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from adapters.hub.retry import Wait

GROUP_MAY_WAIT = 0o664  # as huggingface_hub makes them, for caches that several users share
_LOOK_EVERY_SECONDS = 0.05


class StoppedWaiting(Exception):
    """Told to stop before the lock was free."""


@contextmanager
def held(path: Path, wait: Wait, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds a lock, waiting for it as long as it takes. on_wait: called once when it is not free at once.

    Any thread may enter and leave. Raises StoppedWaiting, OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock: BaseFileLock = FileLock(path, mode=GROUP_MAY_WAIT, thread_local=False)
    said = False
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if not said:
                on_wait()
                said = True
            if wait(_LOOK_EVERY_SECONDS):
                raise StoppedWaiting(str(path)) from None
        except NotImplementedError:  # a filesystem without flock: what huggingface_hub does then
            lock = SoftFileLock(path, thread_local=False)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.release()
