"""Folders that this process and all its children can only read, held by the operating system.

Linux, first way: a mount namespace of our own in which the folders are read-only mounts. It binds root as well, and
leaves the rest of the machine alone; it wants the right to mount, or a user namespace in which one has it. Second way:
Landlock, which wants no right (tests.support.landlock). macOS: the system's sandbox.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.landlock import Landlock
from tests.support.volumes import mount_points

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18,
)  # fmt: skip
# By what statvfs calls them. A mount that was made by others keeps these in a user namespace, or cannot be changed.
_KEPT_FLAGS = {2: MS_NOSUID, 4: MS_NODEV, 8: MS_NOEXEC, 1024: 1024, 2048: 2048, 4096: 1 << 21}
_READ_ONLY = 1
_NO_CAPABILITIES = struct.pack("=II", 0x20080522, 0), bytes(24)


@dataclass(frozen=True, slots=True)
class Protection:
    """by: what holds the folders, for people; None: nothing does, and why says why."""

    by: str | None
    why: str = ""


class CannotProtect(Exception):
    """This way does not work here."""


def protect(folders: Sequence[Path]) -> Protection:
    """From now on, for this process and those it starts. What does not exist is left out. It is not undone.

    folders: with all mounts below them; single files as well.
    """
    there = [each for each in folders if each.exists() and not os.statvfs(each).f_flag & _READ_ONLY]
    if not there:
        return Protection("there is nothing that could be changed")
    if sys.platform == "darwin":
        ways = [("the sandbox of macOS", _sandbox)]
    elif sys.platform == "linux":
        ways = [("read-only mounts", read_only_mounts), ("Landlock", Landlock().forbid_writing)]
    else:
        return Protection(None, f"no way is known on {sys.platform}")
    reasons = []
    for name, way in ways:
        try:
            way(there)
        except CannotProtect as fault:
            reasons.append(f"{name}: {fault}")
        except OSError as fault:
            reasons.append(f"{name}: {fault.strerror or fault}")
        else:
            return Protection(name)
    return Protection(None, "; ".join(reasons))


def read_only_mounts(folders: Sequence[Path]) -> None:
    """Raises OSError or CannotProtect, and has done nothing then but perhaps to enter a namespace."""
    library = ctypes.CDLL(None, use_errno=True)
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise CannotProtect("threads are running that would stay outside")
    user, group = os.geteuid(), os.getegid()
    if library.unshare(CLONE_NEWNS) != 0:
        _call(library.unshare, CLONE_NEWUSER | CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="utf-8")
    _call(library.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    for folder in folders:
        _call(library.mount, os.fsencode(folder), os.fsencode(folder), None, MS_BIND | MS_REC, None)
        for point in {each for each in mount_points() if Path(each).is_relative_to(folder)}:
            flags = os.statvfs(point).f_flag
            kept = sum(mount for status, mount in _KEPT_FLAGS.items() if flags & status)
            _call(library.mount, b"none", os.fsencode(point), None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept, None)
    if user != 0:
        _call(library.capset, *_NO_CAPABILITIES)  # the namespace gave us all, and with them file modes mean nothing


def _sandbox(folders: Sequence[Path]) -> None:
    """sandbox_init(3): everything is allowed but writing there. Children inherit it."""
    library = ctypes.CDLL("/usr/lib/libSystem.B.dylib")
    message = ctypes.c_char_p()
    if library.sandbox_init(sandbox_profile(folders).encode(), ctypes.c_uint64(0), ctypes.byref(message)) != 0:
        raise CannotProtect((message.value or b"sandbox_init failed").decode(errors="replace"))


def sandbox_profile(folders: Sequence[Path]) -> str:
    quoted = [str(each).replace("\\", "\\\\").replace('"', '\\"') for each in folders]
    lines = [f'(deny file-write* (subpath "{each}"))' for each in quoted]
    return "\n".join(["(version 1)", "(allow default)", *lines])


def _call(function: object, *arguments: object) -> None:
    if function(*arguments) != 0:  # type: ignore[operator]
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
