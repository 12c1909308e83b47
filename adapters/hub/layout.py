"""Where things lie in the hub's cache: models--org--name/{blobs,refs,snapshots,trees}, and .locks beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from domain.catalog.model_ref import cache_folder_name

INCOMPLETE = ".incomplete"
OURS = ".mlxk.incomplete"
RANGES = ".mlxk.ranges"
MARKER_PREFIX = "snapshot-"
SCRATCH_PREFIX = "scratch-"
# huggingface_hub: `<etag>.<8 hex digits>.incomplete` since 1.12, `<etag>.incomplete` before.
_FOREIGN = re.compile(r"(?P<etag>[0-9a-f]{40}|[0-9a-f]{64})(?:\.[0-9a-f]{8})?\.incomplete")


@dataclass(frozen=True, slots=True)
class CacheLayout:
    """The paths of one model. Every argument must have been checked: hashes, and file names that stay inside."""

    cache: Path
    name: str

    @property
    def folder(self) -> Path:
        return self.cache / cache_folder_name(self.name)

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    @property
    def refs(self) -> Path:
        return self.folder / "refs"

    @property
    def locks(self) -> Path:
        return self.cache / ".locks" / cache_folder_name(self.name)

    def blob(self, etag: str) -> Path:
        return self.blobs / etag

    def partial(self, etag: str) -> Path:
        """What has arrived of a blob, by us."""
        return self.blobs / f"{etag}{OURS}"

    def ranges(self, etag: str) -> Path:
        """Which bytes of it have."""
        return self.blobs / f"{etag}{RANGES}"

    def marker(self, commit: str) -> Path:
        """There from the first byte of a pull to its last link: everybody then sees an incomplete download."""
        return self.blobs / f"{MARKER_PREFIX}{commit}{OURS}"

    def scratch(self, name: str) -> Path:
        """Where a small file is made before it gets its name; what a crash leaves of it is a partial download."""
        return self.blobs / f"{SCRATCH_PREFIX}{name}{OURS}"

    def snapshot(self, commit: str) -> Path:
        return self.snapshots / commit

    def tree(self, commit: str) -> Path:
        """huggingface_hub's own note of a commit's files and hashes."""
        return self.folder / "trees" / f"{commit}.json"

    def ref(self, revision: str) -> Path:
        return self.refs / revision

    def blob_lock(self, etag: str) -> Path:
        """The lock that huggingface_hub takes for this blob."""
        return self.locks / f"{etag}.lock"

    @property
    def model_lock(self) -> Path:
        """Held for a whole pull of ours."""
        return self.locks / "mlxk-pull.lock"

    def foreign_partials(self) -> Iterator[tuple[str, Path]]:
        """(etag, path) of what huggingface_hub has left half-way."""
        if not self.blobs.is_dir():
            return
        for path in sorted(self.blobs.iterdir()):
            found = _FOREIGN.fullmatch(path.name)
            if found and path.is_file() and not path.is_symlink():
                yield found["etag"], path
