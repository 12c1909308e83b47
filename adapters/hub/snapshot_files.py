"""The names of a snapshot: its links, its revision, and huggingface_hub's note of its files."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from adapters.hub.disk import Disk
from adapters.hub.layout import CacheLayout
from domain.hub.file_names import is_blob_name, is_commit, names_problem
from domain.hub.remote_model import RemoteFile, RemoteModel

TREE_VERSION = 1
MAX_TREE_BYTES = 64 * 1024 * 1024
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_CACHE_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This file is a cache directory tag: models that can be downloaded again. https://bford.info/cachedir/\n"
)


def tag_cache(disk: Disk, cache: Path, scratch: Path) -> None:
    """Tells backup programs that this folder is a cache, as huggingface_hub does."""
    tag = cache / "CACHEDIR.TAG"
    if not tag.exists():
        disk.write_whole(tag, _CACHE_TAG.encode(), scratch)


def begin_folder(disk: Disk, layout: CacheLayout, commit: str) -> None:
    """A model's folder appears with the mark of an incomplete download in it, in one step.

    Does nothing when somebody else makes the folder meanwhile.
    """
    begun = layout.locks / "new"
    marker = begun / "blobs" / layout.marker(commit).name
    disk.make_folder(marker.parent)
    os.close(disk.open(marker))
    disk.sync_folder(marker.parent)
    try:
        disk.rename(begun, layout.folder)
    except OSError as fault:
        if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        disk.remove(marker)
        disk.remove_folder(marker.parent)
        disk.remove_folder(begun)


def link_files(disk: Disk, layout: CacheLayout, commit: str, files: Iterable[RemoteFile]) -> None:
    """Links every file of a snapshot to its blob. config.json comes last: a half-linked snapshot is visibly so."""
    folders: set[Path] = set()
    for file in sorted(files, key=lambda file: (file.path == "config.json", file.path)):
        path = layout.snapshot(commit) / file.path
        disk.make_folder(path.parent)
        folders.add(path.parent)
        if not _is_right(path, file):
            _link(disk, layout.blob(file.etag), path, layout.scratch(f"link-{commit}"))
    for folder in sorted(folders):
        disk.sync_folder(folder)


def _is_right(path: Path, file: RemoteFile) -> bool:
    """A link to this very blob, or a file of its size where links are not to be had."""
    if path.is_symlink():
        return path.readlink().name == file.etag and path.exists()
    return path.is_file() and path.stat().st_size == file.size_bytes


def _link(disk: Disk, blob: Path, path: Path, scratch: Path) -> None:
    """A link, or where the filesystem has none a copy. What lies there is wrong: it may go first."""
    disk.remove(path)
    try:
        disk.link(os.path.relpath(blob, path.parent), path)
    except OSError as fault:
        if fault.errno not in _NO_LINKS:
            raise
        shutil.copyfile(blob, scratch)
        disk.rename(scratch, path)


def write_ref(disk: Disk, layout: CacheLayout, revision: str, commit: str) -> None:
    """The revision points to the commit from now on; hashes and beginnings of them need no note."""
    if commit.startswith(revision.lower()):
        return
    path = layout.ref(revision)
    try:
        if path.read_text(encoding="ascii") == commit:
            return
    except (OSError, ValueError):
        pass  # not there, or not a hash: it is written now
    disk.make_folder(path.parent)
    disk.write_whole(path, commit.encode(), layout.scratch(f"ref-{commit}"))


def write_tree(disk: Disk, layout: CacheLayout, model: RemoteModel) -> None:
    """The note that huggingface_hub makes of a commit's files: it then knows an incomplete snapshot as such."""
    path = layout.tree(model.commit)
    if read_tree(path, model.name, model.commit) is not None:
        return
    files: dict[str, dict[str, object]] = {}
    for file in model.files:
        entry: dict[str, object] = {"size": file.size_bytes, "blob_id": file.blob_id}
        if file.sha256 is not None:
            entry |= {"lfs_sha256": file.sha256, "lfs_size": file.size_bytes}
        files[file.path] = entry
    document = {"format_version": TREE_VERSION, "files": files}
    disk.make_folder(path.parent)
    disk.write_whole(path, json.dumps(document, indent=1).encode(), layout.scratch(f"tree-{model.commit}"))


def read_tree(path: Path, name: str, commit: str) -> RemoteModel | None:
    """The note as a model; None when there is none, or one that cannot be trusted."""
    try:
        if path.stat().st_size > MAX_TREE_BYTES:
            return None
        document = json.loads(path.read_bytes())
        if document["format_version"] != TREE_VERSION:
            return None
        files = tuple(_file(file, facts) for file, facts in sorted(document["files"].items()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    sound = names_problem(file.path for file in files) is None and all(is_blob_name(file.etag) for file in files)
    return RemoteModel(name, commit, commit, files) if sound and is_commit(commit) else None


def _file(path: str, facts: dict[str, object]) -> RemoteFile:
    sha256 = facts.get("lfs_sha256")
    size = facts.get("lfs_size") if sha256 is not None else facts["size"]
    blob_id = facts["blob_id"]
    if not isinstance(size, int) or not isinstance(blob_id, str) or not isinstance(sha256, str | None):
        raise TypeError(path)
    return RemoteFile(path, size, blob_id, sha256)
