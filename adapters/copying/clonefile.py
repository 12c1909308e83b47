"""macOS: clonefile(2), which APFS does in no time and no room.

Contract (clonefile(2)): the target must not exist (EEXIST) and lies on the source's volume (EXDEV); ENOTSUP where the
filesystem cannot clone. Content, times, rights and extended attributes come along.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

from adapters.copying.refusals import finish, not_this_way
from domain.workspace.copy_method import CopyMethod
from domain.workspace.disk_faults import disk_error
from ports.copying import CopyUnsupported, OnBytes

LIBRARY = "/usr/lib/libSystem.B.dylib"
CLONE_NOFOLLOW = 0x0001
CLONE_NOOWNERCOPY = 0x0002


class CloneFileCopier:
    """FileCopier. library: the C library, default the system's own."""

    def __init__(self, library: Any = None) -> None:
        self._library = library
        self._function: Any = None

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        clonefile = self._clonefile()
        try:
            real = source.resolve(strict=True)
            status = real.stat()
            flags = CLONE_NOFOLLOW | CLONE_NOOWNERCOPY
            if clonefile(os.fsencode(real), os.fsencode(target), flags) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), str(target))
        except OSError as fault:
            if not_this_way(fault):
                raise CopyUnsupported(f"clonefile: {fault.strerror}") from fault
            raise disk_error(target, fault) from fault
        try:
            finish(target, status)
        except BaseException as fault:
            target.unlink(missing_ok=True)
            if isinstance(fault, OSError):
                raise disk_error(target, fault) from fault
            raise
        progress(status.st_size)
        return CopyMethod.CLONEFILE

    def _clonefile(self) -> Any:
        if self._function is None:
            try:
                library = ctypes.CDLL(LIBRARY, use_errno=True) if self._library is None else self._library
                function = library.clonefile
            except (OSError, AttributeError) as fault:
                raise CopyUnsupported("there is no clonefile on this system") from fault
            function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint32]
            function.restype = ctypes.c_int
            self._function = function
        return self._function
