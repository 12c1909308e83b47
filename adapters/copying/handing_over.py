"""For a source that is about to be deleted: the target takes over its bytes, where both lie on one filesystem."""

from __future__ import annotations

import os
from pathlib import Path

from adapters.copying.refusals import not_this_way
from domain.workspace.copy_method import CopyMethod
from domain.workspace.disk_faults import disk_error
from ports.copying import CopyUnsupported, OnBytes


class HandOverCopier:
    """FileCopier but for independence: both names mean one file until the source is deleted."""

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        try:
            real = source.resolve(strict=True)
            os.link(real, target)
            size_bytes = target.stat().st_size
        except OSError as fault:
            if not_this_way(fault):
                raise CopyUnsupported(f"hard link: {fault.strerror}") from fault
            raise disk_error(target, fault) from fault
        progress(size_bytes)
        return CopyMethod.MOVE
