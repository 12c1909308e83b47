"""Landlock (Linux 5.13 and later): rights that a process gives up for itself and all its children, without being root.

It knows only what is allowed. So everything beside the protected folders is allowed by name: what lies in the folders
above them, as it is now. Directly in those folders themselves nothing new can be made from then on, and nothing can
be mounted.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

# The same numbers on every machine that MLX runs on.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
_WRITE_FILE = 1 << 1
_O_PATH = 0o10000000  # other systems have no such name
_FILE_RIGHTS = (_WRITE_FILE, 1 << 14)
# write_file, remove_dir, remove_file, make_char, make_dir, make_reg, make_sock, make_fifo, make_block, make_sym.
_FIRST_RIGHTS = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14


class Landlock:
    """Of this kernel."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)

    @property
    def version(self) -> int:
        """Of the kernel's Landlock; 0 when it has none."""
        if platform.system() != "Linux":
            return 0
        return max(0, int(self._library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))

    def forbid_writing(self, folders: Sequence[Path]) -> None:
        """Raises OSError. Truncating needs version 3 to be held; opening to write is held by all."""
        temporary = Path(os.path.realpath(tempfile.gettempdir()))
        if any(temporary in folder.parents for folder in folders):
            raise OSError(f"{temporary}, where temporary files are made, holds what is to be protected")
        rights = _FIRST_RIGHTS
        version = self.version
        if version == 0:
            raise OSError(os.strerror(95) + ": this kernel has no Landlock")
        rights |= (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
        ruleset = self._call(_CREATE_RULESET, struct.pack("=Q", rights), ctypes.c_size_t(8), 0)
        try:
            for path in beside(folders):
                self._allow(ruleset, path, rights)
            if self._library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "no_new_privs")
            self._call(_RESTRICT_SELF, ruleset, 0)
        finally:
            os.close(ruleset)

    def _allow(self, ruleset: int, path: Path, rights: int) -> None:
        try:
            descriptor = os.open(path, _O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            return  # gone, or out of our reach anyway
        try:
            allowed = rights if path.is_dir() else rights & sum(_FILE_RIGHTS)
            self._call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", allowed, descriptor), 0)
        finally:
            os.close(descriptor)

    def _call(self, number: int, *arguments: object) -> int:
        found = int(self._library.syscall(number, *arguments))
        if found < 0:
            fault = ctypes.get_errno()
            raise OSError(fault, os.strerror(fault))
        return found


def beside(folders: Sequence[Path]) -> Iterator[Path]:
    """Everything that is not in one of the folders and not above one, each by the topmost name that says so."""
    protected = set(folders)
    above = {up for folder in folders for up in folder.parents}
    for folder in sorted(above):
        try:
            names = sorted(folder.iterdir())
        except PermissionError:
            continue
        yield from (each for each in names if each not in protected and each not in above and not each.is_symlink())
