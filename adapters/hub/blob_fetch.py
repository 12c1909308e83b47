"""One blob from the hub into the cache: lock, resume, transfer, check, name."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from concurrent.futures import TimeoutError as NotYet
from concurrent.futures import wait as wait_for
from contextlib import contextmanager

from adapters.hub.checksum import Hasher, hasher_for
from adapters.hub.disk import disk_faults
from adapters.hub.locks import StoppedWaiting, held
from adapters.hub.orphans import adopt_orphan
from adapters.hub.partial_file import PartialFile
from adapters.hub.transfer import PullJob, Stopped, transfer_span
from domain.errors import DownloadRefused
from domain.hub.byte_ranges import ByteRanges, Span, segments
from domain.hub.pull import ProgressKind
from domain.hub.remote_model import RemoteFile

SMALLEST_SEGMENT_BYTES = 16 * 1024 * 1024
LARGEST_SEGMENT_BYTES = 256 * 1024 * 1024
_SEGMENTS_A_FILE = 32
_HASH_STEP_BYTES = 4 * 1024 * 1024
_LOOK_EVERY_SECONDS = 0.25


def fetch_blob(job: PullJob, file: RemoteFile, connections: Executor) -> None:
    """The file's content becomes a blob of the cache. connections: runs the transfers of its segments.

    Returns at once when another process has brought it meanwhile. Raises Stopped, what the hub raises, and
    DownloadRefused when the checksum does not come out right even from the beginning.
    """
    with _locked(job, file), disk_faults(job.model.name, job.layout.folder):
        blob = job.layout.blob(file.etag)
        if blob.is_file() and blob.stat().st_size == file.size_bytes:
            job.tell(ProgressKind.FILE_DONE, file, file.size_bytes)
            return
        adopt_orphan(job, file)
        partial = PartialFile(job.disk, job.layout, file)
        try:
            _BlobFetch(job, file, partial, connections).run()
        finally:
            partial.close()
        job.tell(ProgressKind.FILE_DONE, file, file.size_bytes)


@contextmanager
def _locked(job: PullJob, file: RemoteFile) -> Iterator[None]:
    def say() -> None:
        job.tell(ProgressKind.WAITING, file, text="another download of this file is running")

    try:
        with disk_faults(job.model.name, job.layout.locks), held(job.layout.blob_lock(file.etag), job.stop.wait, say):
            yield
    except StoppedWaiting as fault:
        raise Stopped from fault


class _BlobFetch:
    """Runs in one thread, which hashes while the transfers run in others."""

    def __init__(self, job: PullJob, file: RemoteFile, partial: PartialFile, connections: Executor) -> None:
        self._job = job
        self._file = file
        self._partial = partial
        self._connections = connections

    def run(self) -> None:
        self._job.tell(ProgressKind.FILE_STARTED, self._file, self._partial.have.covered_bytes)
        if self._complete() == self._file.etag or self._mended():
            self._partial.finish()
            return
        self._partial.discard()
        raise DownloadRefused(
            f"{self._job.model.name}: what the hub sends for {self._file.path} does not have the checksum it names",
            hint="try again later; if it stays so, the model or a proxy on the way is broken",
        )

    def _mended(self) -> bool:
        """The checksum was wrong: drop what a power cut may have taken; if it was not that, everything, once."""
        if self._partial.doubtful.spans:
            self._partial.forget(self._partial.doubtful)
            if self._complete() == self._file.etag:
                return True
        self._say_wrong()
        self._partial.forget(ByteRanges.of([(0, self._file.size_bytes)]))
        return self._complete() == self._file.etag

    def _say_wrong(self) -> None:
        self._job.tell(ProgressKind.RETRY, self._file, text=f"{self._file.path} arrived damaged; fetching it again")

    def _complete(self) -> str:
        """Fetch what is missing; the checksum of the whole."""
        hasher = _Frontier(self._partial, self._file)
        transfers = [
            self._connections.submit(transfer_span, self._job, self._file, self._partial, span)
            for span in segments(self._partial.have.missing(self._file.size_bytes), _segment_bytes(self._file))
        ]
        try:
            for transfer in transfers:
                self._follow(transfer, hasher)
        finally:
            for transfer in transfers:
                transfer.cancel()
            wait_for(transfers)
        self._job.tell(ProgressKind.VERIFYING, self._file, self._file.size_bytes)
        hasher.advance(self._file.size_bytes)
        return hasher.hexdigest()

    def _follow(self, transfer: Future[None], hasher: _Frontier) -> None:
        """Wait for a transfer, hashing what has arrived in one piece from the beginning meanwhile."""
        while True:
            try:
                transfer.result(timeout=0 if hasher.behind() else _LOOK_EVERY_SECONDS)
                return
            except NotYet:
                if self._job.stop.is_set():
                    raise Stopped from None
                hasher.advance(_HASH_STEP_BYTES)
            except BaseException:
                self._job.stop.set()  # no other segment is worth its bytes now
                raise


class _Frontier:
    """The hash of the beginning of a file that is still arriving."""

    def __init__(self, partial: PartialFile, file: RemoteFile) -> None:
        self._partial = partial
        self._hasher: Hasher = hasher_for(file, file.size_bytes)
        self._done = 0

    def behind(self) -> bool:
        """There is something to hash now."""
        return self._arrived() > self._done

    def advance(self, at_most_bytes: int) -> None:
        end = min(self._arrived(), self._done + at_most_bytes)
        while self._done < end:
            piece = self._partial.read_at(Span(self._done, min(end, self._done + _HASH_STEP_BYTES)))
            if not piece:
                return
            self._hasher.update(piece)
            self._done += len(piece)

    def hexdigest(self) -> str:
        return self._hasher.hexdigest()

    def _arrived(self) -> int:
        spans = self._partial.have.spans
        return spans[0].end if spans and spans[0].start == 0 else 0


def _segment_bytes(file: RemoteFile) -> int:
    fair = file.size_bytes // _SEGMENTS_A_FILE
    return min(LARGEST_SEGMENT_BYTES, max(SMALLEST_SEGMENT_BYTES, fair))
