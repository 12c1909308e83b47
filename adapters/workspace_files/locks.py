"""WorkspaceLocks with flock(2) on the workspace's folder itself: no file is needed, a read-only place will do."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from domain.errors import Conflict
from domain.workspace.disk_faults import disk_error, disk_faults_of


class FlockWorkspaceLocks:
    """WorkspaceLocks."""

    @contextmanager
    def shared(self, folder: PurePath) -> Iterator[None]:
        with _held(folder, fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self, folder: PurePath) -> Iterator[None]:
        with _held(folder, fcntl.LOCK_EX):
            yield


@contextmanager
def _held(folder: PurePath, kind: int) -> Iterator[None]:
    with disk_faults_of(folder):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise Conflict(
                f"another mlxk is working on {folder}", hint="wait until it has finished, then run the command again"
            ) from fault
        except OSError as fault:
            raise disk_error(folder, fault) from fault
        yield
    finally:
        os.close(descriptor)
