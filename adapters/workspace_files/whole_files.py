"""Files that are there whole or not at all, and folders whose entries are on the disk."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from domain.workspace.disk_faults import disk_faults_of


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step: write beside it, flush, rename. Raises AccessDenied, DiskFull, Conflict."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with disk_faults_of(path):
        try:
            with beside.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Some filesystems cannot; that is no fault."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as fault:
        if fault.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)
