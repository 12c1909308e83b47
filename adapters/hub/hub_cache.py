"""The hub's cache as a place to pull into."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from adapters.hub.blob_fetch import fetch_blob
from adapters.hub.checksum import checksum_of
from adapters.hub.disk import Disk, disk_faults
from adapters.hub.layout import SCRATCH_PREFIX, CacheLayout
from adapters.hub.locks import held
from adapters.hub.orphans import useful_orphan
from adapters.hub.partial_file import read_ranges
from adapters.hub.retry import RetryPolicy
from adapters.hub.snapshot_files import begin_folder, link_files, read_tree, tag_cache, write_ref, write_tree
from adapters.hub.transfer import PullJob, Stopped
from domain.errors import DownloadFailed
from domain.hub.download_plan import CacheState, DownloadPlan
from domain.hub.file_names import is_commit
from domain.hub.pull import OnProgress, Progress, ProgressKind
from domain.hub.remote_model import RemoteFile, RemoteModel
from domain.hub.verification import FileCheck, FileState
from ports.hub import ModelHub

CONNECTIONS = 8


class HubCache:
    """SnapshotCache over one cache folder, which need not exist yet. Thread-safe; nothing is kept between calls."""

    def __init__(
        self, cache: Path, disk: Disk | None = None, retry: RetryPolicy | None = None, connections: int = CONNECTIONS
    ) -> None:
        self._cache = cache
        self._disk = disk or Disk()
        self._retry = retry or RetryPolicy()
        self._connections = connections

    def state(self, model: RemoteModel) -> CacheState:
        model.require_safe()
        layout = CacheLayout(self._cache, model.name)
        snapshot = layout.snapshot(model.commit)
        return CacheState(
            linked=frozenset(file.path for file in model.files if _has_size(snapshot / file.path, file)),
            blobs=frozenset(file.etag for file in model.files if _has_size(layout.blob(file.etag), file)),
            partial_bytes={file.etag: here for file in model.files if (here := _here_bytes(layout, file))},
            free_bytes=_free_bytes(self._cache),
        )

    def fetch(self, plan: DownloadPlan, hub: ModelHub, progress: OnProgress) -> str:
        layout = CacheLayout(self._cache, plan.model.name)
        job = PullJob(self._disk, layout, hub, plan.model, progress, self._retry, threading.Event())
        with disk_faults(plan.model.name, layout.folder), self._model_locked(job):
            self._begin(job)
            self._fetch_blobs(job, plan)
            self._finish(job, plan)
        return str(layout.snapshot(plan.model.commit))

    def recorded(self, name: str, commit: str) -> RemoteModel | None:
        if not is_commit(commit):
            return None
        return read_tree(CacheLayout(self._cache, name).tree(commit), name, commit)

    def check(self, model: RemoteModel, progress: OnProgress) -> tuple[FileCheck, ...]:
        model.require_safe()
        snapshot = CacheLayout(self._cache, model.name).snapshot(model.commit)
        return tuple(_checked(snapshot / file.path, file, progress) for file in model.files)

    @contextmanager
    def _model_locked(self, job: PullJob) -> Iterator[None]:
        def say() -> None:
            job.progress(Progress(ProgressKind.WAITING, text=f"another pull of {job.model.name} is running"))

        with held(job.layout.model_lock, job.stop.wait, say):
            yield

    def _begin(self, job: PullJob) -> None:
        """From here on the model is an incomplete download for everybody who looks."""
        layout = job.layout
        if not layout.folder.exists():
            begin_folder(job.disk, layout, job.model.commit)
        job.disk.make_folder(layout.blobs)
        if not layout.marker(job.model.commit).exists():
            job.disk.write_whole(layout.marker(job.model.commit), b"", layout.scratch("marker"))
        job.disk.make_folder(layout.snapshots)
        tag_cache(job.disk, self._cache, layout.scratch("tag"))
        write_tree(job.disk, layout, job.model)

    def _fetch_blobs(self, job: PullJob, plan: DownloadPlan) -> None:
        """All blobs that are missing. The first error ends every thread and is the one that is raised."""
        connections = ThreadPoolExecutor(self._connections, "pull-connection")
        files = ThreadPoolExecutor(self._connections, "pull-file")
        try:
            pulls = [files.submit(fetch_blob, job, file, connections) for file in plan.fetch]
            _await(pulls)
        except BaseException as fault:
            job.stop.set()
            if isinstance(fault, KeyboardInterrupt):
                job.hub.stop()
            raise
        finally:
            files.shutdown(wait=True, cancel_futures=True)
            connections.shutdown(wait=True, cancel_futures=True)

    def _finish(self, job: PullJob, plan: DownloadPlan) -> None:
        """Blobs, then links, then the revision, each on the disk before the next; last, the marker goes."""
        layout, model = job.layout, job.model
        job.disk.sync_folder(layout.blobs)
        link_files(job.disk, layout, model.commit, plan.files)
        job.disk.sync_folder(layout.snapshots)
        write_ref(job.disk, layout, model.revision, model.commit)
        outlived = [path for file in plan.files if (path := layout.ranges(file.etag)).exists()]
        for path in (*outlived, *sorted(layout.blobs.glob(f"{SCRATCH_PREFIX}*"))):
            job.disk.remove(path)
        job.disk.remove(layout.marker(model.commit))


def _await(pulls: list[Future[None]]) -> None:
    """Until all are done or one has failed; the cause is raised, not what it did to the others."""
    pending = set(pulls)
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
        faults = [fault for each in done if (fault := each.exception()) is not None]
        for fault in faults:
            if not isinstance(fault, Stopped):
                raise fault
        if faults:
            _await_cause(pending)
            raise DownloadFailed("the download was stopped")


def _await_cause(pending: set[Future[None]]) -> None:
    wait(pending)
    for each in pending:
        fault = None if each.cancelled() else each.exception()
        if fault is not None and not isinstance(fault, Stopped):
            raise fault


def _has_size(path: Path, file: RemoteFile) -> bool:
    try:
        return path.is_file() and path.stat().st_size == file.size_bytes
    except OSError:
        return False


def _here_bytes(layout: CacheLayout, file: RemoteFile) -> int:
    have, _ = read_ranges(layout.partial(file.etag), layout.ranges(file.etag), file)
    if have.spans:
        return have.covered_bytes
    orphan = useful_orphan(layout, file)
    return orphan[1] if orphan else 0


def _free_bytes(folder: Path) -> int:
    for place in (folder, *folder.parents):
        if place.exists():
            return shutil.disk_usage(place).free
    return 0


def _checked(path: Path, file: RemoteFile, progress: OnProgress) -> FileCheck:
    try:
        size_bytes = path.stat().st_size
        if size_bytes != file.size_bytes:
            detail = f"{size_bytes:,} bytes, the hub has {file.size_bytes:,}"
            return FileCheck(file.path, file.size_bytes, FileState.WRONG_SIZE, detail)

        def step(done_bytes: int) -> None:
            progress(Progress(ProgressKind.VERIFYING, file.path, done_bytes, file.size_bytes))

        found = checksum_of(path, file, step)
        progress(Progress(ProgressKind.FILE_DONE, file.path, file.size_bytes, file.size_bytes))
    except FileNotFoundError:
        return FileCheck(file.path, file.size_bytes, FileState.MISSING)
    except OSError as fault:
        return FileCheck(file.path, file.size_bytes, FileState.UNREADABLE, fault.strerror or str(fault))
    if found != file.etag:
        return FileCheck(file.path, file.size_bytes, FileState.WRONG_CONTENT, f"{found}, the hub has {file.etag}")
    return FileCheck(file.path, file.size_bytes, FileState.SAME)
