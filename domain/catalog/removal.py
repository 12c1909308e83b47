"""What removing a model would delete: made first, shown, then carried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from domain.catalog.location import LocatedModel
from domain.errors import InternalError
from domain.serving.stored_prompts import StoredPrompts


@dataclass(frozen=True, slots=True)
class CacheContents:
    """What belongs to a cached model, or to one revision of it, and to nothing else.

    root: the cache folder that everything lies below. refs, blobs: single files. snapshots: folders of links. rest:
    what remains of a whole model when refs, snapshots and blobs are gone, folders whole. freed_bytes: blobs and files
    that are no links. lock_files: where downloads of this model take their locks. kept_revisions: what stays. first:
    those of the files above without which the model says it is incomplete.
    """

    root: PurePath
    refs: tuple[PurePath, ...]
    snapshots: tuple[PurePath, ...]
    blobs: tuple[PurePath, ...]
    rest: tuple[PurePath, ...]
    freed_bytes: int
    lock_files: tuple[PurePath, ...] = ()
    kept_revisions: tuple[str, ...] = ()
    first: tuple[PurePath, ...] = ()

    def __post_init__(self) -> None:
        for path in (*self.first, *self.refs, *self.snapshots, *self.blobs, *self.rest, *self.lock_files):
            if not path.is_relative_to(self.root) or path == self.root or ".." in path.parts:
                raise InternalError(f"{path} does not lie below {self.root}: nothing was deleted")


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """revision: the only one to go; None means the whole model. spelled_out: False when the name was completed, so that
    somebody should agree first. held_locks: locks that somebody held when the plan was made. prompts: what is
    remembered of prompts to it.
    """

    location: LocatedModel
    revision: str | None
    spelled_out: bool
    contents: CacheContents
    held_locks: tuple[PurePath, ...] = ()
    prompts: tuple[StoredPrompts, ...] = ()

    @property
    def whole_model(self) -> bool:
        return self.revision is None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was done. removed_paths: files and folders, as planned; those that were gone already count."""

    plan: RemovalPlan
    removed_paths: int
    lock_files_removed: int
