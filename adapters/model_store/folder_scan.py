"""One walk over a model folder: names, sizes, times. Never opens a file, never follows a link to a folder."""

# Paths are strings here: this runs for every model of a listing, and pathlib would take most of the time.
# ruff: noqa: PTH112, PTH116

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from hashlib import blake2b
from stat import S_ISDIR, S_ISREG

from domain.catalog.listing import FileEntry, FolderListing
from domain.catalog.printable import printable

MAX_FILES = 20_000
MAX_DEPTH = 12
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv"})


def scan_folder(root: str, beside: str = "") -> FolderListing:
    """The listing of a folder; one that is not there gets the problem "Model path does not exist", one that may not be
    looked into the problem "Model folder unreadable: ...".

    beside: what else decides about the model, for the fingerprint.
    """
    files: list[FileEntry] = []
    findings: list[str] = []
    skipped: list[str] = []
    if not _walk(root, "", files, findings, skipped) and not files:
        if not os.path.isdir(root):
            return missing_folder("Model path does not exist", beside)
        return missing_folder(f"Model folder unreadable: {findings[-1]}", beside, findings=tuple(findings))
    files.sort()
    return FolderListing(
        files=tuple(files),
        findings=tuple(findings),
        fingerprint=_fingerprint(files, (beside, *findings, *skipped)),
        folder_modified_ns=0 if files else modified_ns(root),
    )


def modified_ns(path: str) -> int:
    """0 for what is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except (OSError, ValueError):
        return 0


def missing_folder(
    problem: str, beside: str = "", changed_ns: int = 0, findings: tuple[str, ...] = ()
) -> FolderListing:
    """A listing that says only why there is nothing to list."""
    return FolderListing(
        files=(),
        findings=findings,
        problem=problem,
        fingerprint=_fingerprint((), (problem, beside, str(changed_ns))),
        folder_modified_ns=changed_ns,
    )


def _walk(root: str, prefix: str, files: list[FileEntry], findings: list[str], skipped: list[str]) -> bool:
    """False when the folder could not be looked into. skipped: folders that are not, with their times."""
    below: list[str] = []
    try:
        with os.scandir(f"{root}/{prefix}") as entries:
            for entry in entries:
                if _is_folder(entry):
                    below.append(entry.name)
                elif len(files) < MAX_FILES:
                    files.append(_file_entry(entry, prefix + entry.name, findings))
                else:
                    findings.append(f"more than {MAX_FILES} files: the rest is not looked at")
                    return True
    except (OSError, ValueError) as fault:
        words = getattr(fault, "strerror", None) or str(fault)
        findings.append(f"{printable(prefix) or 'the folder'} cannot be read: {words}")
        return False
    for name in below:
        path = f"{prefix}{name}/"
        if name.startswith(".") or name in SKIPPED_FOLDERS:
            skipped.append(f"{path} {modified_ns(f'{root}/{path}')}")
        elif path.count("/") > MAX_DEPTH:
            findings.append(f"{printable(prefix + name)} is nested too deep: not looked at")
        else:
            _walk(root, path, files, findings, skipped)
    return True


def folders_in(path: str) -> list[str]:
    """Names of the folders in a folder, links to folders among them. What cannot be looked at (a link loop, say) is
    left out and hides no other; nothing for a folder that cannot be read.
    """
    found: list[str] = []
    try:
        with os.scandir(path) as entries:
            found.extend(entry.name for entry in entries if _is_folder(entry, follow_symlinks=True))
    except (OSError, ValueError):
        return found
    return found


def _is_folder(entry: os.DirEntry[str], *, follow_symlinks: bool = False) -> bool:
    """False too for what cannot be looked at: a filesystem need not tell kinds with the names."""
    try:
        return entry.is_dir(follow_symlinks=follow_symlinks)
    except OSError:
        return False


def _file_entry(entry: os.DirEntry[str], path: str, findings: list[str]) -> FileEntry:
    try:
        facts = entry.stat()
    except OSError as fault:
        return _odd_entry(path, _link_problem(fault), findings)
    if S_ISREG(facts.st_mode):
        return FileEntry(path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    linked_folder = S_ISDIR(facts.st_mode)
    return _odd_entry(path, "link to a folder, not followed" if linked_folder else "no regular file", findings)


def _odd_entry(path: str, problem: str, findings: list[str]) -> FileEntry:
    findings.append(f"{printable(path)}: {problem}")
    return FileEntry(path, 0, 0, 0, 0, problem)


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
