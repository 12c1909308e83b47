"""Moving bytes: one stretch of one file, over as many connections as it takes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from adapters.hub.disk import Disk, disk_faults
from adapters.hub.layout import CacheLayout
from adapters.hub.partial_file import PartialFile
from adapters.hub.refusals import changed
from adapters.hub.retry import RetryPolicy
from domain.errors import DownloadFailed
from domain.hub.byte_ranges import Span
from domain.hub.pull import OnProgress, Progress, ProgressKind
from domain.hub.remote_model import RemoteFile, RemoteModel
from ports.hub import ContentChanged, ModelHub

NOTE_BYTES = 1024 * 1024


class Stopped(Exception):
    """The pull has ended elsewhere."""


@dataclass(frozen=True, slots=True)
class PullJob:
    """One pull under way, shared by its threads. stop: set once anything ends it."""

    disk: Disk
    layout: CacheLayout
    hub: ModelHub
    model: RemoteModel
    progress: OnProgress
    retry: RetryPolicy
    stop: threading.Event

    def tell(self, kind: ProgressKind, file: RemoteFile, done_bytes: int = 0, text: str = "") -> None:
        self.progress(Progress(kind, file.path, done_bytes, file.size_bytes, text))


def transfer_span(job: PullJob, file: RemoteFile, partial: PartialFile, span: Span) -> None:
    """All bytes of the span, with as many attempts as make progress. Raises Stopped and what the hub raises."""
    position, failures = span.start, 0
    while position < span.end:
        before = position
        try:
            position = _attempt(job, file, partial, Span(position, span.end))
        except _Broken as broken:
            position, fault = broken.position, broken.fault
            failures = 1 if position > before else failures + 1
            _pause(job, file, failures, fault)


class _Broken(Exception):
    """An attempt that ended early, at position."""

    def __init__(self, position: int, fault: DownloadFailed) -> None:
        super().__init__(position)
        self.position = position
        self.fault = fault


def _attempt(job: PullJob, file: RemoteFile, partial: PartialFile, span: Span) -> int:
    noted = position = span.start
    try:
        with job.hub.open(job.model, file, span) as pieces:
            for piece in pieces:
                _require_running(job)
                with disk_faults(job.model.name, job.layout.folder):
                    partial.write(position, piece)
                position += len(piece)
                if position - noted >= NOTE_BYTES:
                    _note(job, file, partial, Span(noted, position))
                    noted = position
    except ContentChanged as fault:
        raise changed(job.model.name, file.path) from fault
    except DownloadFailed as fault:
        _require_running(job)
        if not fault.retryable:
            raise
        raise _Broken(position, fault) from fault
    finally:
        if position > noted:
            _note(job, file, partial, Span(noted, position))
    return position


def _note(job: PullJob, file: RemoteFile, partial: PartialFile, span: Span) -> None:
    with disk_faults(job.model.name, job.layout.folder):
        partial.note(span)
    job.tell(ProgressKind.BYTES, file, partial.have.covered_bytes)


def _pause(job: PullJob, file: RemoteFile, failures: int, fault: DownloadFailed) -> None:
    if job.retry.gives_up(failures, fault):
        raise fault
    seconds = job.retry.pause_seconds(failures, fault)
    job.tell(ProgressKind.RETRY, file, text=f"{fault.message}; trying again in {seconds:.1f} s")
    if job.stop.wait(seconds):
        raise Stopped from fault


def _require_running(job: PullJob) -> None:
    if job.stop.is_set():
        raise Stopped
