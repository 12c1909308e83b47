"""Compare a cached model's files, whole, with the hub's checksums."""

from __future__ import annotations

from application.catalog.resolve_model import ResolveModel
from application.hub.hubs import OpenHub
from domain.catalog.location import LocatedModel, ModelSource
from domain.errors import DownloadFailed, InvalidRequest
from domain.hub.pull import OnProgress, Progress, ProgressKind, silent
from domain.hub.remote_model import RemoteModel
from domain.hub.verification import Verification
from ports.snapshot_cache import SnapshotCache

RECORDED = "recorded"


class VerifyModel:
    def __init__(self, resolve: ResolveModel, open_hub: OpenHub, cache: SnapshotCache) -> None:
        self._resolve = resolve
        self._open_hub = open_hub
        self._cache = cache

    def execute(
        self, spec: str, *, hub: str | None = None, offline: bool = False, progress: OnProgress = silent
    ) -> Verification:
        """offline: ask no hub, use what was noted at the pull; so does a hub that cannot be reached, with a warning.

        Raises ModelNotFound, AmbiguousModel, AccessDenied, DownloadFailed, and InvalidRequest when there is no cached
        model or nothing to compare with.
        """
        location = self._resolve.execute(spec)
        if location.source is not ModelSource.CACHE or location.revision is None:
            raise InvalidRequest(
                f"{location.name} did not come from a hub: there are no checksums to compare with",
                hint="only models in the cache can be verified",
                param="model",
            )
        model, source = self._announced(location, location.revision, hub, offline=offline, progress=progress)
        checks = self._cache.check(model, progress)
        return Verification(location.name, location.revision, source, checks)

    def _announced(
        self, location: LocatedModel, commit: str, hub: str | None, *, offline: bool, progress: OnProgress
    ) -> tuple[RemoteModel, str]:
        recorded = self._cache.recorded(location.name, commit)
        if offline:
            if recorded is None:
                raise InvalidRequest(
                    f"no checksums were recorded for {location.name} at {commit}",
                    hint="leave --offline out to ask the hub",
                    param="offline",
                )
            return recorded, RECORDED
        far = self._open_hub(hub)
        try:
            return far.describe(location.name, commit), far.address
        except DownloadFailed as fault:
            if recorded is None or not fault.retryable:
                raise
            text = f"{fault.message}; compared with the checksums recorded at the pull"
            progress(Progress(ProgressKind.WARNING, text=text))
            return recorded, RECORDED
