"""The user's Hugging Face cache, as it was before tests changed anything, and the guard of this process around it.

The guard is an audit hook: Python tells it of every open, removal, renaming and so on before it happens. It cannot be
taken away again, and it also remembers what it refused, so that code which swallows the error is found out. What runs
in other processes, or writes without Python's knowledge, is held by tests.support.write_protection.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.filesystem.strict import MARK

# Of a hub cache: what a link may stand for, from the hub's folders to the files of a snapshot.
_PLACES = ("*", "models--*/*", "models--*/*/*", "models--*/snapshots/*/*")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class UserCacheIsReadOnly(PermissionError):
    """A test would have changed the user's cache. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class UserCache:
    """home: the source of real models, as HF_HOME. folders: all that tests must not change; they may not exist. Files
    among them are what links of the cache lead to.
    """

    home: Path
    folders: tuple[Path, ...]


def user_cache(environ: Mapping[str, str]) -> UserCache:
    """environ: the user's own. MLXK2_USER_HF_HOME names the source of models, else HF_HOME, else the usual place. What
    HF_HOME, HF_HUB_CACHE and the usual place name is protected whichever is the source.
    """
    base = environ.get("XDG_CACHE_HOME", "").strip() or f"{environ.get('HOME', '').strip() or '~'}/.cache"
    usual = _real(f"{base}/huggingface")
    said = [environ.get(name, "").strip() for name in ("MLXK2_USER_HF_HOME", "HF_HOME")]
    named = [each for each in said if each and MARK not in each]  # a run inside a run has the outer one's own cache
    homes = [_real(each) for each in named] or [usual]
    hubs = [_real(value)] if (value := environ.get("HF_HUB_CACHE", "").strip()) else []
    folders = dict.fromkeys((*homes, usual, *hubs))
    folders.update(dict.fromkeys(each for folder in tuple(folders) for each in _led_to(folder)))
    return UserCache(homes[0], tuple(each for each in folders if not any(up in folders for up in each.parents)))


def _led_to(folder: Path) -> Iterator[Path]:
    """Where the links of a cache lead to, out of it: the hub, a model or a file of one may lie on another disk."""
    for hub in (folder, folder / "hub"):
        for link in (each for pattern in _PLACES for each in hub.glob(pattern) if each.is_symlink()):
            target = _real(str(link))
            if not target.is_relative_to(folder) and target not in folder.parents:
                yield target


def _real(text: str) -> Path:
    return Path(os.path.realpath(Path(text).expanduser()))


@dataclass(slots=True)
class Guard:
    """Refuses writing below the folders. refused: what it has refused so far. active: it refuses nothing otherwise."""

    folders: tuple[Path, ...]
    active: bool = True
    refused: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.active:
            return
        for path in written_by(event, arguments):
            if self.protects(path):
                words = f"{event}: {path} is in the user's cache, which tests only read"
                self.refused.append(words)
                raise UserCacheIsReadOnly(words)

    def protects(self, path: str) -> bool:
        """path: absolute. Its own last part is taken as it is, links above it are followed."""
        head, tail = os.path.split(path)
        real = os.path.join(os.path.realpath(head), tail)  # noqa: PTH118 - this runs at every open
        return any(real == (place := str(each)) or real.startswith(f"{place}/") for each in self.folders)

    def taken(self) -> list[str]:
        """What was refused since the last call."""
        told, self.refused = self.refused, []
        return told


def install(folders: tuple[Path, ...]) -> Guard:
    """From now on, in this process, for good (but for `active`)."""
    guard = Guard(folders)
    sys.addaudithook(guard)
    return guard


def written_by(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """The absolute paths that an audited event is about to change."""
    look = WRITES.get(event)
    return [] if look is None else look(arguments)


def _absolute(path: Any, folder: Any = None) -> list[str]:
    """path: as a call has it, a descriptor too. folder: a descriptor that a relative path is relative to."""
    if isinstance(path, int):
        return [_path_of(path)]
    if path is None:
        return []
    text = os.fsdecode(path)
    if not os.path.isabs(text):  # noqa: PTH117 - this runs at every open
        base = _path_of(folder) if isinstance(folder, int) and folder >= 0 else os.getcwd()  # noqa: PTH109
        text = os.path.join(base, text)  # noqa: PTH118
    return [os.path.normpath(text) if "/../" not in f"{text}/" else _up(text)]


def _up(text: str) -> str:
    """With `..` in it, links must be followed first."""
    head, tail = os.path.split(text)
    return os.path.realpath(text) if tail == ".." else os.path.join(os.path.realpath(head), tail)  # noqa: PTH118


def _path_of(descriptor: int) -> str:
    try:
        if sys.platform == "darwin":
            import fcntl

            return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115
    except OSError:
        return ""


def _opened(arguments: tuple[Any, ...]) -> list[str]:
    """open(path, mode, flags). Links are followed when it is opened."""
    path, mode, flags = arguments
    writes = flags & WRITING if isinstance(flags, int) else any(each in (mode or "") for each in "wax+")
    if not writes or isinstance(path, int):
        return []
    (place,) = _absolute(path) or [""]
    return [place, os.path.realpath(place)]


def _followed(arguments: tuple[Any, ...], folder: int | None = None) -> list[str]:
    found = _absolute(arguments[0], arguments[folder] if folder is not None else None)
    return [*found, *(os.path.realpath(each) for each in found)]


WRITES: Mapping[str, Callable[[tuple[Any, ...]], list[str]]] = {
    "open": _opened,
    "os.remove": lambda a: _absolute(a[0], a[1]),
    "os.rmdir": lambda a: _absolute(a[0], a[1]),
    "os.mkdir": lambda a: _absolute(a[0], a[2]),
    "os.rename": lambda a: [*_absolute(a[0], a[2]), *_absolute(a[1], a[3])],
    # A second name for a file of the cache would be a way to write to it.
    "os.link": lambda a: [*_absolute(a[0], a[2]), *_absolute(a[1], a[3])],
    "os.symlink": lambda a: _absolute(a[1], a[2]),
    "os.chmod": lambda a: _followed(a, 2),
    "os.chown": lambda a: _followed(a, 3),
    "os.chflags": _followed,
    "os.utime": lambda a: _followed(a, 3),
    "os.truncate": _followed,
    "os.setxattr": _followed,
    "os.removexattr": _followed,
    "sqlite3.connect": lambda a: _followed(a) if isinstance(a[0], (str, bytes)) else [],
}
