"""What a fault of the disk means for the person who asked."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import AccessDenied, Conflict, DiskFull, InternalError, MlxkError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_MEANWHILE = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOENT, errno.ENOTDIR)


def disk_error(path: object, fault: OSError) -> MlxkError:
    """path: what was being worked on, for the message."""
    words = fault.strerror or str(fault)
    if fault.errno in _NO_ROOM:
        return DiskFull(f"{path}: {words}", hint="make room on this disk, then run the command again")
    if fault.errno in _REFUSED:
        return AccessDenied(f"{path}: {words}", hint="check who owns the folder and what its rights allow")
    if fault.errno in _MEANWHILE:
        return Conflict(f"{path}: {words}", hint="something else changes this folder: run the command again")
    return InternalError(f"{path}: {words}", hint="check this disk")


@contextmanager
def disk_faults_of(path: object) -> Iterator[None]:
    """Every OSError in the block becomes an error of the tree that names the path."""
    try:
        yield
    except OSError as fault:
        raise disk_error(path, fault) from fault
