"""Where remembered prompts lie on the disk: a folder for each model as it was loaded, in one that all of them share.

    DIR/                      0700, where mlxk has made it
        budget.lock           held while somebody makes room
        <32 hex digits>/      0700, one model, loaded one way
            lock              held by the process that remembers prompts here
            about.json        which model; a new one means that somebody has wiped the folder
            quarantine.json   classes of caches that are not used, where there are any
            <64 hex digits>-<tokens>.safetensors     0600, one piece each

No MLX: the command line reads these too.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600
LOCK, BUDGET_LOCK, ABOUT, QUARANTINE = "lock", "budget.lock", "about.json", "quarantine.json"
UNFINISHED = ".new-"
MAX_SMALL_BYTES = 1 << 16
_FOLDER = re.compile(r"[0-9a-f]{32}")
_PIECE = re.compile(r"([0-9a-f]{64})-([0-9]{1,3})\.safetensors")


@dataclass(frozen=True, slots=True)
class PieceFile:
    """A file by its name and its status: nothing of it was read."""

    path: Path
    key: bytes
    tokens: int
    size_bytes: int
    used_ns: int


def piece_name(key: bytes, tokens: int) -> str:
    return f"{key.hex()}-{tokens}.safetensors"


def model_folders(directory: Path) -> list[Path]:
    """Those of all models, in order; [] when there is no such directory."""
    try:
        return sorted(each for each in directory.iterdir() if _FOLDER.fullmatch(each.name) and _real_folder(each))
    except OSError:
        return []


def pieces(folder: Path) -> Iterator[PieceFile]:
    """What lies in one model's folder; other files are passed over."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        named = _PIECE.fullmatch(entry.name)
        if named is None:
            continue
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        yield PieceFile(Path(entry.path), bytes.fromhex(named[1]), int(named[2]), status.st_size, status.st_mtime_ns)


def about(folder: Path) -> dict[str, str]:
    """What about.json says; {} when it is missing or broken."""
    try:
        with (folder / ABOUT).open("rb") as file:
            value = json.loads(file.read(MAX_SMALL_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(key): str(each) for key, each in value.items()} if isinstance(value, dict) else {}


def make_directory(directory: Path) -> None:
    """The one that all models share. One that is there already may be used by others too: it stays as it is. Raises
    OSError.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


def make_private(folder: Path) -> None:
    """Make it, and be sure that it is the user's own and alone. Raises OSError."""
    folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it is a link, or belongs to somebody else", str(folder))
    if status.st_mode & 0o077:
        folder.chmod(FOLDER_MODE)


def write_private(path: Path, parts: list[bytes]) -> None:
    """Whole or not at all, 0600. Raises OSError."""
    beside = path.with_name(f"{UNFINISHED}{path.name}")
    beside.unlink(missing_ok=True)
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def take_lock(path: Path, *, wait: bool) -> int | None:
    """A descriptor that holds the lock until it is closed; None when somebody else does. Raises OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if holds(descriptor, path):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # somebody removed the file in between: there is another by now, or soon


def holds(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one of this name."""
    try:
        named = path.stat()
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)


def clear_folder(folder: Path) -> int:
    """Remove what is remembered of one model; how many bytes of pieces went. about.json goes first: a process that is
    using the folder sees it, and forgets what it has in memory. The lock stays while somebody holds it. Raises OSError.
    """
    freed = sum(each.size_bytes for each in pieces(folder))
    (folder / ABOUT).unlink(missing_ok=True)
    for entry in list(os.scandir(folder)):
        if entry.name != LOCK and not entry.is_dir(follow_symlinks=False):
            Path(entry.path).unlink(missing_ok=True)
    remove_if_idle(folder)
    return freed


def remove_if_idle(folder: Path) -> None:
    """Remove an emptied folder, unless a process works in it, or it holds something else. Raises OSError."""
    descriptor = take_lock(folder / LOCK, wait=False)
    if descriptor is None:
        return
    try:
        if {each.name for each in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()
    finally:
        os.close(descriptor)


def in_use(folder: Path) -> bool:
    """Whether a process holds the lock. Makes no file."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
