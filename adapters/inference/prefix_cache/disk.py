"""The disk tier of one model's remembered prompts. No MLX: plain bytes in, plain bytes out."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from adapters.inference.prefix_cache import folders
from adapters.inference.prefix_cache.entry import Entry
from adapters.inference.prefix_cache.read_ahead import ReadAhead
from adapters.inference.prefix_cache.record_file import (
    LENGTH_BYTES,
    Record,
    Unreadable,
    decoded,
    header_length,
    read_header,
)
from adapters.inference.prefix_cache.writer import PieceWriter

_LOG = logging.getLogger(__name__)


def open_disk(directory: Path, root: bytes, about: Mapping[str, str], budget_bytes: int) -> DiskTier | None:
    """None, with a remark in the log, when another process owns this model's folder, or the disk refuses."""
    folder = directory / root.hex()[:32]
    try:
        folders.make_directory(directory)
        folders.make_private(folder)
        lock = folders.take_lock(folder / folders.LOCK, wait=False)
        if lock is None:
            _LOG.info("another process remembers prompts of this model in %s: this one goes without the disk", folder)
            return None
        return DiskTier(folder, about, budget_bytes, lock)
    except OSError as fault:
        _LOG.warning("no prompts are remembered on the disk: %s: %s", fault.filename or folder, fault.strerror or fault)
        return None


class DiskTier:
    """Owned by one process, through the folder's lock. Calls from the engine's thread; a thread of its own writes.
    Nothing here raises for what the disk does: a piece that cannot be written or read is lost, and said to be.
    """

    def __init__(self, folder: Path, about: Mapping[str, str], budget_bytes: int, lock: int) -> None:
        self._folder = folder
        self._about = dict(about)
        self._lock: int | None = lock
        self._lost: deque[bytes] = deque()
        self._writer = PieceWriter(folder, budget_bytes, self._lost.append, self.wiped_by_others)
        self._ahead = ReadAhead(self._read_file)
        self._mark = self._introduce()

    @property
    def ahead_bytes(self) -> int:
        """In memory, because they may be asked for soon."""
        return self._ahead.held_bytes

    @property
    def held_bytes(self) -> int:
        """Of all models' pieces in this directory, as the writer last counted them."""
        return self._writer.counted_bytes

    def found(self) -> Iterator[Entry]:
        """Every piece that lies here and whose header fits its name; the rest is removed."""
        for leftover in self._folder.glob(f"{folders.UNFINISHED}*"):
            self._remove(leftover)
        for file in sorted(folders.pieces(self._folder), key=lambda each: each.used_ns):
            try:
                record = _header_of(file.path, file.key)
                if len(record.tokens) != file.tokens:
                    raise Unreadable("its name is not that of its tokens")
            except (OSError, Unreadable) as fault:
                _LOG.debug("%s is forgotten: %s", file.path.name, fault)
                self._remove(file.path)
                continue
            self._writer.knows(record.key, file.path.name)
            yield Entry(
                record.key, record.parent, record.start, record.tokens, record.layout, record.tail, record.exact,
                stored=True,
            )  # fmt: skip

    def put(self, record: Record, used_ns: int, *, wait: bool = False) -> bool:
        """used_ns: when it was used last; of what is used longest ago least is kept. False when too much waits to be
        written already; wait: until it does not.
        """
        return self._lock is not None and self._writer.put(record, used_ns, wait=wait)

    def read(self, keys: Sequence[bytes]) -> list[Record | Unreadable]:
        """Whole and checked, in the order of the keys."""
        return [self._writer.pending(key) or self._ahead.take(key) or self._read_file(key) for key in keys]

    def read_ahead(self, keys: Sequence[bytes], most_bytes: int) -> None:
        """Bring these into memory, behind the engine's back."""
        self._ahead.start(keys, most_bytes)

    def drop_ahead(self) -> None:
        self._ahead.drop()

    def forget(self, key: bytes) -> None:
        self._ahead.take(key)
        self._writer.forget(key)

    def touch(self, keys: Sequence[bytes]) -> None:
        """These were used just now; the first of them last of all."""
        now = time.time_ns()
        self._writer.touch([(key, now - at) for at, key in enumerate(keys)])

    def lost(self) -> Iterator[bytes]:
        """Pieces that could not be written or have been removed to make room, since the last call."""
        while self._lost:
            yield self._lost.popleft()

    def wiped_by_others(self) -> bool:
        return self._lock is not None and self._mark != self._seen()

    def begin_again(self) -> None:
        """After a wipe: the folder is made ready once more. Where it cannot be, there is no disk from now on."""
        self.wipe()
        try:
            folders.make_directory(self._folder.parent)
            folders.make_private(self._folder)
            if self._lock is not None and not folders.holds(self._lock, self._folder / folders.LOCK):
                os.close(self._lock)
                self._lock = None
                self._lock = folders.take_lock(self._folder / folders.LOCK, wait=False)
            self._mark = self._introduce()
        except OSError as fault:
            _LOG.warning("no prompts are remembered on the disk any more: %s", fault)
            self._release()

    def wipe(self) -> None:
        """Remove every piece."""
        self._ahead.drop()
        self._writer.drop_all()
        for file in folders.pieces(self._folder):
            self._remove(file.path)

    def quarantined(self) -> frozenset[str]:
        try:
            kinds = json.loads((self._folder / folders.QUARANTINE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return frozenset()
        return frozenset(map(str, kinds)) if isinstance(kinds, list) else frozenset()

    def quarantine(self, kinds: frozenset[str]) -> None:
        """Remember it for later processes."""
        try:
            folders.write_private(self._folder / folders.QUARANTINE, [json.dumps(sorted(kinds)).encode("utf-8")])
        except OSError as fault:
            _LOG.warning("the quarantine of %s ends with this process: %s", ", ".join(sorted(kinds)), fault)

    def close(self) -> None:
        """Wait until all is written, and give the folder back. Idempotent."""
        self._ahead.drop()
        self._writer.close()
        self._release()

    def _read_file(self, key: bytes) -> Record | Unreadable:
        try:
            return decoded(self._writer.path_of(key).read_bytes(), key)
        except FileNotFoundError:
            return Unreadable("it has been removed")
        except (OSError, Unreadable) as fault:
            _LOG.debug("%s is forgotten: %s", key.hex(), fault)
            return fault if isinstance(fault, Unreadable) else Unreadable(str(fault))

    def _introduce(self) -> tuple[int, int] | None:
        """Say which model this folder is about. Raises OSError."""
        if folders.about(self._folder) != self._about:
            text = json.dumps(self._about, indent=2, sort_keys=True)
            folders.write_private(self._folder / folders.ABOUT, [text.encode("ascii")])
        return self._seen()

    def _seen(self) -> tuple[int, int] | None:
        try:
            status = (self._folder / folders.ABOUT).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as fault:
            _LOG.debug("%s cannot be removed: %s", path, fault)

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _header_of(path: Path, key: bytes) -> Record:
    with path.open("rb") as file:
        length = header_length(file.read(LENGTH_BYTES))
        return read_header(file.read(length), length, key)
