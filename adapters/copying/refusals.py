"""Which answers of a filesystem mean "not this way"."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_NOT_THIS_WAY = frozenset(
    {errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.ETXTBSY, errno.EPERM}
)


def not_this_way(fault: OSError) -> bool:
    """EPERM is among them: some network and container filesystems answer so. A real one comes back from the copy."""
    return fault.errno in _NOT_THIS_WAY


def finish(target: Path, source: os.stat_result) -> None:
    """Give a fresh copy its time and rights, and see it onto the disk."""
    os.utime(target, ns=(source.st_atime_ns, source.st_mtime_ns))
    target.chmod((source.st_mode & 0o777) | 0o600)
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
