"""The cache that pulled models land in."""

from __future__ import annotations

from typing import Protocol

from domain.hub.download_plan import CacheState, DownloadPlan
from domain.hub.pull import OnProgress
from domain.hub.remote_model import RemoteModel
from domain.hub.verification import FileCheck
from ports.hub import ModelHub


class SnapshotCache(Protocol):
    """Writes the cache that the hub's own library reads, so that each finds what the other has brought.

    Whatever happens during a call, a crash included, every file of the cache is afterwards as before or as it was
    wanted; what arrived of the rest is kept and found again by the next call.
    """

    def state(self, model: RemoteModel) -> CacheState:
        """What is here of this commit. Reads only; absent folders are an empty answer.

        Raises DownloadRefused for names that cannot be written.
        """

    def fetch(self, plan: DownloadPlan, hub: ModelHub, progress: OnProgress) -> str:
        """Carry out a plan: fetch what is missing over several connections, check each file against its hash, link the
        snapshot, and only then let the revision point to it. Returns the snapshot's folder.

        Waits for another pull of the same model, saying so. `progress` is called from several threads. Raises what the
        hub raises, DownloadFailed (a hash does not match, even from the beginning), DiskFull, AccessDenied (the cache
        cannot be written). KeyboardInterrupt stops every connection and passes on.
        """

    def recorded(self, name: str, commit: str) -> RemoteModel | None:
        """The files and hashes of a commit as they were noted when it was pulled, by whom ever; None without a note."""

    def check(self, model: RemoteModel, progress: OnProgress) -> tuple[FileCheck, ...]:
        """Compare every file of the commit, whole, with its hash. In the order of model.files."""
