"""One walk over a model folder: names, sizes, times. Never opens a file, never follows a link to a folder."""

# Paths are strings here: this runs for every model of a listing, and pathlib would take most of the time.
# ruff: noqa: PTH116

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from hashlib import blake2b

from domain.catalog.manifest import FileEntry, FolderListing
from domain.catalog.printable import printable

MAX_FILES = 20_000
MAX_DEPTH = 12
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv"})


def scan_folder(root: str, beside: str = "") -> FolderListing:
    """The listing of a folder; one that is not there gets the problem "Model path does not exist".

    beside: what else decides about the model, for the fingerprint.
    """
    try:
        folder = os.stat(root)
    except (OSError, ValueError):
        return missing_folder("Model path does not exist", beside)
    files: list[FileEntry] = []
    findings: list[str] = []
    _walk(root, "", 0, files, findings)
    files.sort()
    return FolderListing(
        files=tuple(files),
        findings=tuple(findings),
        fingerprint=_fingerprint(files, (beside, str(folder.st_mtime_ns), *findings)),
        folder_modified_ns=folder.st_mtime_ns,
    )


def missing_folder(problem: str, beside: str = "", modified_ns: int = 0) -> FolderListing:
    """A listing that says only why there is nothing to list."""
    return FolderListing(
        files=(),
        problem=problem,
        fingerprint=_fingerprint((), (problem, beside, str(modified_ns))),
        folder_modified_ns=modified_ns,
    )


def _walk(folder: str, prefix: str, depth: int, files: list[FileEntry], findings: list[str]) -> None:
    try:
        entries = os.scandir(folder)
    except OSError as fault:
        findings.append(f"{printable(prefix) or 'the folder'} cannot be read: {fault.strerror}")
        return
    below: list[str] = []
    with entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below.append(entry.name)
                continue
            if len(files) >= MAX_FILES:
                findings.append(f"more than {MAX_FILES} files: the rest is not looked at")
                return
            files.append(_file_entry(entry, prefix + entry.name, findings))
    for name in below:
        if name.startswith(".") or name in SKIPPED_FOLDERS:
            continue
        if depth >= MAX_DEPTH:
            findings.append(f"{printable(prefix + name)} is nested too deep: not looked at")
            continue
        _walk(f"{folder}/{name}", f"{prefix}{name}/", depth + 1, files, findings)


def _file_entry(entry: os.DirEntry[str], path: str, findings: list[str]) -> FileEntry:
    try:
        facts = entry.stat()
    except OSError as fault:
        problem = _link_problem(fault)
        findings.append(f"{printable(path)}: {problem}")
        return FileEntry(path, 0, 0, 0, 0, problem)
    if not stat.S_ISREG(facts.st_mode):
        problem = "link to a folder, not followed" if stat.S_ISDIR(facts.st_mode) else "no regular file"
        findings.append(f"{printable(path)}: {problem}")
        return FileEntry(path, 0, facts.st_mtime_ns, facts.st_ctime_ns, 0, problem)
    return FileEntry(path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)


def _link_problem(fault: OSError) -> str:
    match fault.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return "dangling link"
        case errno.ELOOP:
            return "link loop"
        case _:
            return f"cannot be read: {fault.strerror}"


def _fingerprint(files: Iterable[FileEntry], rest: Iterable[str]) -> str:
    lines = [f"{path}\0{size}\0{m}\0{c}\0{inode}\0{problem}" for path, size, m, c, inode, problem in files]
    lines.extend(rest)
    return blake2b("\n".join(lines).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
