"""Every change that hub adapters make to the disk, one method each, so that a test can stop the world before any."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from domain.errors import AccessDenied, DiskFull, DownloadFailed

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Disk:
    """Stateless. Raises OSError; `disk_faults` translates."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def open(self, path: Path) -> int:
        """A descriptor to read and write a file, which is made if need be; never through a link."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)

    def write_at(self, descriptor: int, content: bytes, offset: int) -> None:
        view = memoryview(content)
        while view:
            written = os.pwrite(descriptor, view, offset)
            view, offset = view[written:], offset + written

    def append(self, descriptor: int, content: bytes) -> None:
        """At the end, in one piece."""
        self.write_at(descriptor, content, os.lseek(descriptor, 0, os.SEEK_END))

    def resize(self, descriptor: int, size_bytes: int) -> None:
        os.ftruncate(descriptor, size_bytes)

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def sync_folder(self, path: Path) -> None:
        """Makes names in a folder outlive a power cut; where folders cannot be synced that is all there is."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, target: str, path: Path) -> None:
        """A symbolic link. Raises FileExistsError."""
        path.symlink_to(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_folder(self, path: Path) -> None:
        """An empty one."""
        path.rmdir()

    def write_whole(self, path: Path, content: bytes, scratch: Path) -> None:
        """A small file that is there whole or not at all, also after a power cut. scratch: where it is made."""
        descriptor = self.open(scratch)
        try:
            self.resize(descriptor, 0)
            self.write_at(descriptor, content, 0)
            self.sync(descriptor)
        finally:
            os.close(descriptor)
        self.rename(scratch, path)
        self.sync_folder(path.parent)


@contextmanager
def disk_faults(subject: str, folder: Path) -> Iterator[None]:
    """Turns what the disk says into our errors, naming the model and the folder."""
    try:
        yield
    except OSError as fault:
        if fault.errno in _FULL:
            raise DiskFull(
                f"{subject}: the disk of {folder} is full",
                hint="make room (mlxk prune, mlxk rm), then run the same command: it goes on from what is here",
            ) from fault
        if fault.errno in _CLOSED:
            raise AccessDenied(
                f"{subject}: {fault.filename or folder} cannot be written: {fault.strerror}",
                hint="HF_HOME or HF_HUB_CACHE can name another folder",
            ) from fault
        raise DownloadFailed(
            f"{subject}: {fault.filename or folder}: {fault.strerror or fault}",
            hint="what has arrived is kept: the same command goes on from there",
        ) from fault
