"""FileLocks with flock(2), as the filelock library takes them on Unix."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import PurePath

from domain.errors import Conflict

_HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK)
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)


class FlockFileLocks:
    """Stateless."""

    def held(self, paths: Sequence[PurePath]) -> tuple[PurePath, ...]:
        found = []
        for path in paths:
            with ExitStack() as stack:
                if not _take(path, stack):
                    found.append(path)
        return tuple(found)

    @contextmanager
    def hold(self, paths: Sequence[PurePath]) -> Iterator[None]:
        with ExitStack() as stack:
            refused = [path for path in paths if not _take(path, stack)]
            if refused:
                raise Conflict(
                    f"a download is running: {len(refused)} lock(s) are held, for instance {refused[0]}",
                    hint="wait until it has finished; --force deletes all the same",
                    detail={"lock_files": [str(path) for path in refused]},
                )
            yield


def _take(path: PurePath, stack: ExitStack) -> bool:
    """Lock the file until the stack closes; False when somebody holds it. A file that is not there is nobody's."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    stack.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        if fault.errno in _HELD or fault.errno in _NO_LOCKS:
            return False
        raise
    return True
