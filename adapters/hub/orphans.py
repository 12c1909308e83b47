"""What huggingface_hub left half-way when it was killed: used again when it is what it seems, else swept."""

from __future__ import annotations

import os
from pathlib import Path

from adapters.hub.layout import CacheLayout
from adapters.hub.partial_file import begin_journal, read_ranges
from adapters.hub.transfer import PullJob
from domain.errors import DownloadFailed
from domain.hub.byte_ranges import Span
from domain.hub.remote_model import RemoteFile
from ports.hub import ContentChanged

# Below this a check costs more than the bytes are worth.
WORTH_BYTES = 4 * 1024 * 1024
_SAMPLE_BYTES = 64 * 1024


def useful_orphan(layout: CacheLayout, file: RemoteFile) -> tuple[Path, int] | None:
    """The longest orphan of this blob that may hold its beginning, and its length; holes disqualify it."""
    best: tuple[Path, int] | None = None
    for etag, path in layout.foreign_partials():
        if etag != file.etag:
            continue
        facts = path.stat()
        has_holes = facts.st_blocks * 512 < facts.st_size
        if has_holes or not WORTH_BYTES <= facts.st_size <= file.size_bytes:
            continue
        if best is None or facts.st_size > best[1]:
            best = path, facts.st_size
    return best


def adopt_orphan(job: PullJob, file: RemoteFile) -> None:
    """Make the best orphan of this blob our own partial file, unless we have one; remove the others.

    For the holder of the blob's lock, which huggingface_hub holds while it writes: an orphan has no writer. Samples of
    it are compared with the hub's bytes; the checksum of the whole decides in the end. Raises OSError.
    """
    layout = job.layout
    have, _ = read_ranges(layout.partial(file.etag), layout.ranges(file.etag), file)
    found = useful_orphan(layout, file)
    if found and not have.spans and _samples_agree(job, file, *found):
        path, size_bytes = found
        begin_journal(job.disk, layout, file, size_bytes)
        job.disk.rename(path, layout.partial(file.etag))
    for etag, path in list(layout.foreign_partials()):
        if etag == file.etag:
            job.disk.remove(path)


def _samples_agree(job: PullJob, file: RemoteFile, path: Path, size_bytes: int) -> bool:
    starts = (0, size_bytes // 2, size_bytes - _SAMPLE_BYTES)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return all(
            os.pread(descriptor, _SAMPLE_BYTES, start) == _remote(job, file, Span(start, start + _SAMPLE_BYTES))
            for start in starts
        )
    except (DownloadFailed, ContentChanged):
        return False
    finally:
        os.close(descriptor)


def _remote(job: PullJob, file: RemoteFile, span: Span) -> bytes:
    with job.hub.open(job.model, file, span) as pieces:
        return b"".join(pieces)
