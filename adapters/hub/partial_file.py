"""A blob on its way: the bytes that have arrived, and a journal of which.

`<etag>.mlxk.incomplete` has the blob's bytes at their places, with holes. `<etag>.mlxk.ranges` is a journal of lines:
`r START END` when a stretch has been written, `s` when everything above it is known to be on the disk. After a crash of
this process every `r` is true. After a power cut only those above the last `s` surely are; the others are doubtful:
they are used, and dropped when the checksum of the whole does not come out right.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from adapters.hub.checksum import hasher_for
from adapters.hub.disk import Disk
from adapters.hub.layout import CacheLayout
from domain.hub.byte_ranges import ByteRanges, Span
from domain.hub.remote_model import RemoteFile

_VERSION = "mlxk-ranges 1"
MAX_JOURNAL_BYTES = 8 * 1024 * 1024
# Smaller files are not worth a second file beside them: they begin again.
JOURNAL_FROM_BYTES = 1024 * 1024
SYNC_BYTES = 256 * 1024 * 1024
_READ_BYTES = 1 << 20


class PartialFile:
    """Thread-safe, for the holder of the blob's lock. have: what is here; doubtful: the part of it that an earlier
    process left without saying that it is on the disk.
    """

    def __init__(self, disk: Disk, layout: CacheLayout, file: RemoteFile) -> None:
        """Opens what an earlier pull has left, or begins. Raises OSError."""
        self._disk = disk
        self._file = file
        self._path = layout.partial(file.etag)
        self._journal_path = layout.ranges(file.etag)
        self._blob = layout.blob(file.etag)
        self._scratch = layout.scratch(file.etag)
        self._lock = threading.Lock()
        self.have, self.doubtful = read_ranges(self._path, self._journal_path, file)
        if not self.have.spans:
            disk.remove(self._journal_path)
        self._descriptor = disk.open(self._path)
        self._journal: int | None = None
        self._unsynced_bytes = 0

    def write(self, offset: int, content: bytes) -> None:
        self._disk.write_at(self._descriptor, content, offset)

    def note(self, span: Span) -> None:
        """The bytes of this span have been written."""
        with self._lock:
            self.have = self.have.with_span(*span)
            if self._file.size_bytes < JOURNAL_FROM_BYTES:
                return
            self._append(f"r {span.start} {span.end}\n")
            self._unsynced_bytes += span.length
            if self._unsynced_bytes >= SYNC_BYTES:
                self._checkpoint()

    def forget(self, ranges: ByteRanges) -> None:
        """These bytes are not to be trusted after all."""
        with self._lock:
            gaps = ByteRanges.of(ranges.spans).missing(self._file.size_bytes)
            self.have = _intersection(self.have, ByteRanges.of(gaps))
            self.doubtful = ByteRanges()
            self._rewrite_journal()

    def checksum(self) -> str:
        """Of everything that is here, as the file's hash is made. Reads the whole file."""
        size_bytes = os.fstat(self._descriptor).st_size
        hasher = hasher_for(self._file, size_bytes)
        for offset in range(0, size_bytes, _READ_BYTES):
            hasher.update(os.pread(self._descriptor, _READ_BYTES, offset))
        return hasher.hexdigest()

    def read_at(self, span: Span) -> bytes:
        return os.pread(self._descriptor, span.length, span.start)

    def finish(self) -> None:
        """Everything is here and right: it becomes the blob."""
        self._disk.resize(self._descriptor, self._file.size_bytes)
        self._disk.sync(self._descriptor)
        self.close()
        self._disk.rename(self._path, self._blob)
        self._disk.remove(self._journal_path)

    def discard(self) -> None:
        """What is here is wrong and helps nobody."""
        self.close()
        self._disk.remove(self._journal_path)
        self._disk.remove(self._path)

    def close(self) -> None:
        """What is here stays. May be called twice."""
        with self._lock:
            for descriptor in (self._descriptor, self._journal):
                if descriptor is not None and descriptor >= 0:
                    os.close(descriptor)
            self._descriptor, self._journal = -1, None

    def _append(self, line: str) -> None:
        if self._journal is None:
            self._journal = self._disk.open(self._journal_path)
            # A line that a crash has cut is ended: what there is of it says less than it would, never more.
            head = "\n" if os.fstat(self._journal).st_size else f"{_header(self._file)}\n"
            line = head + line
        self._disk.append(self._journal, line.encode())

    def _checkpoint(self) -> None:
        self._unsynced_bytes = 0
        if self.doubtful.spans:
            return  # syncing now would not bring back what a power cut has taken
        self._disk.sync(self._descriptor)
        self._append("s\n")
        if self._journal is not None:
            self._disk.sync(self._journal)

    def _rewrite_journal(self) -> None:
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
        lines = [_header(self._file), *(f"r {span.start} {span.end}" for span in self.have.spans), "s", ""]
        self._disk.write_whole(self._journal_path, "\n".join(lines).encode(), self._scratch)


def read_ranges(partial: Path, journal: Path, file: RemoteFile) -> tuple[ByteRanges, ByteRanges]:
    """(have, doubtful) of what lies there; both empty for anything that is not a journal of this very file."""
    try:
        size_bytes = partial.lstat().st_size
        with journal.open("rb") as stream:
            lines = stream.read(MAX_JOURNAL_BYTES).decode("ascii", "replace").split("\n")
    except OSError:
        return ByteRanges(), ByteRanges()
    if lines[0] != _header(file):
        return ByteRanges(), ByteRanges()
    spans: list[tuple[int, int]] = []
    synced = 0
    for line in lines[1:-1]:  # what follows the last line end was being written when the world stopped
        word, _, rest = line.partition(" ")
        start, _, end = rest.partition(" ")
        if word == "r" and start.isdecimal() and end.isdecimal():
            spans.append((int(start), int(end)))
        elif line == "s":
            synced = len(spans)
    limit = min(size_bytes, file.size_bytes)
    return ByteRanges.of(spans).within(limit), ByteRanges.of(spans[synced:]).within(limit)


def begin_journal(disk: Disk, layout: CacheLayout, file: RemoteFile, here_bytes: int) -> None:
    """A journal for a partial file of another maker, of which the first bytes are here, doubtful all of them."""
    content = f"{_header(file)}\nr 0 {here_bytes}\n".encode()
    disk.write_whole(layout.ranges(file.etag), content, layout.scratch(file.etag))


def _header(file: RemoteFile) -> str:
    return f"{_VERSION} {file.size_bytes} {file.etag}"


def _intersection(left: ByteRanges, right: ByteRanges) -> ByteRanges:
    return ByteRanges.of(
        (max(one.start, other.start), min(one.end, other.end)) for one in left.spans for other in right.spans
    )
