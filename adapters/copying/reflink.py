"""Linux: the FICLONE ioctl, which btrfs, XFS, bcachefs and some network filesystems know."""

from __future__ import annotations

import fcntl
from pathlib import Path

from adapters.copying.refusals import finish, not_this_way
from domain.workspace.copy_method import CopyMethod
from domain.workspace.disk_faults import disk_error
from ports.copying import CopyUnsupported, OnBytes

FICLONE = 0x40049409  # _IOW(0x94, 9, int)


class ReflinkCopier:
    """FileCopier."""

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        made = False
        try:
            with source.open("rb") as origin:
                status = source.stat()
                with target.open("xb") as copy:
                    made = True
                    fcntl.ioctl(copy.fileno(), FICLONE, origin.fileno())
            finish(target, status)
        except BaseException as fault:
            if made:
                target.unlink(missing_ok=True)
            if isinstance(fault, OSError):
                if not_this_way(fault):
                    raise CopyUnsupported(f"reflink: {fault.strerror}") from fault
                raise disk_error(target, fault) from fault
            raise
        progress(status.st_size)
        return CopyMethod.REFLINK
