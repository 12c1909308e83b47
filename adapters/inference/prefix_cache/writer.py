"""Writes remembered pieces down, behind the engine's back. No MLX."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from adapters.inference.prefix_cache import folders
from adapters.inference.prefix_cache.record_file import Record, encoded

_LOG = logging.getLogger(__name__)
PENDING_BYTES = 256 << 20
COUNTED_AGAIN_AFTER = 16
CLOSE_SECONDS = 30.0


class PieceWriter:
    """One thread, begun with the first work, that writes, removes and touches files in one model's folder.

    The budget counts the pieces of all models in the directory above; when it is used up, those used longest ago go,
    but none that was used later than the one to be written. lost(key): called from the thread for what is not, or no
    more, on the disk. wiped(): whether somebody else has wiped the folder; asked once a file is there, so that none
    outlives a wipe. Invariant: a key is in `_waiting` until its file is there or it is lost.
    """

    def __init__(
        self, folder: Path, budget_bytes: int, lost: Callable[[bytes], None], wiped: Callable[[], bool]
    ) -> None:
        self._folder = folder
        self._budget_bytes = budget_bytes
        self._lost = lost
        self._wiped = wiped
        self._names: dict[bytes, str] = {}
        self._waiting: OrderedDict[bytes, tuple[Record, int]] = OrderedDict()
        self._waiting_bytes = 0
        self._touches: dict[bytes, int] = {}
        self._removals: list[Path] = []
        self._changed = threading.Condition()
        self._busy = self._closing = False
        self._thread: threading.Thread | None = None
        self._counted_bytes = 0
        self._since_count = COUNTED_AGAIN_AFTER
        self._complained = False

    @property
    def counted_bytes(self) -> int:
        """Of all pieces beside and in this folder; 0 before the first is written."""
        return self._counted_bytes

    def knows(self, key: bytes, name: str) -> None:
        self._names[key] = name

    def path_of(self, key: bytes) -> Path:
        """Raises FileNotFoundError."""
        name = self._names.get(key)
        if name is None:
            raise FileNotFoundError(key.hex())
        return self._folder / name

    def pending(self, key: bytes) -> Record | None:
        with self._changed:
            waiting = self._waiting.get(key)
        return None if waiting is None else waiting[0]

    def put(self, record: Record, used_ns: int, *, wait: bool) -> bool:
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closing or self._waiting_bytes < PENDING_BYTES, CLOSE_SECONDS)
            if self._closing or self._waiting_bytes >= PENDING_BYTES:
                return False
            self._names[record.key] = folders.piece_name(record.key, len(record.tokens))
            self._waiting[record.key] = (record, used_ns)
            self._waiting_bytes += record.size_bytes
            self._wake()
        return True

    def forget(self, key: bytes) -> None:
        with self._changed:
            self._take(key)
            name = self._names.pop(key, None)
            if name is not None and not self._closing:
                self._removals.append(self._folder / name)
                self._wake()

    def touch(self, uses: Sequence[tuple[bytes, int]]) -> None:
        with self._changed:
            if uses and not self._closing:
                self._touches.update(uses)
                self._wake()

    def drop_all(self) -> None:
        """Everything that waits, and what is known of the folder."""
        with self._changed:
            self._waiting.clear()
            self._waiting_bytes = 0
            self._touches.clear()
            self._removals.clear()
            self._names.clear()
            self._changed.wait_for(lambda: not self._busy, CLOSE_SECONDS)

    def close(self) -> None:
        """Finish what waits, for CLOSE_SECONDS at most. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _wake(self) -> None:
        """Called with the condition held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="mlxk-prompts", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _take(self, key: bytes) -> tuple[Record, int] | None:
        taken = self._waiting.pop(key, None)
        if taken is not None:
            self._waiting_bytes -= taken[0].size_bytes
        return taken

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._touches or self._removals or self._closing)
                if not (self._waiting or self._touches or self._removals):
                    return
                self._busy = True
                removals, self._removals = self._removals, []
                key = next(iter(self._waiting), None)
                record, used_ns = self._waiting[key] if key is not None else (None, 0)
                touches: dict[bytes, int] = {}
                if record is None:
                    touches, self._touches = self._touches, {}
            for path in removals:
                _unlink(path)
            if record is not None:
                self._write(record, used_ns)
            for touched, moment_ns in touches.items():
                self._set_time(touched, moment_ns)

    def _write(self, record: Record, used_ns: int) -> None:
        """The record is still waiting meanwhile, so that it can be read; it may be forgotten meanwhile, too."""
        parts = encoded(record)
        size_bytes = sum(len(part) for part in parts)
        path = self._folder / folders.piece_name(record.key, len(record.tokens))
        written = False
        try:
            if self._make_room(size_bytes, used_ns):
                folders.write_private(path, parts)
                os.utime(path, ns=(used_ns, used_ns))
                self._counted_bytes += size_bytes
                written = not self._wiped()
                if not written:
                    path.unlink(missing_ok=True)
        except OSError as fault:
            self._complain(fault)
        with self._changed:
            current = self._waiting.get(record.key)
            if current is not None and current[0] is record:
                self._take(record.key)
            elif written:
                self._removals.append(path)
        if not written:
            self._lost(record.key)

    def _complain(self, fault: OSError) -> None:
        """Once: a full disk stays full for a while, and answers do not suffer from it."""
        level = logging.DEBUG if self._complained else logging.WARNING
        self._complained = True
        _LOG.log(level, "a remembered prompt is not written down: %s: %s", self._folder, fault.strerror or fault)

    def _make_room(self, size_bytes: int, used_ns: int) -> bool:
        """Whether so much fits into the budget by now. Raises OSError."""
        directory = self._folder.parent
        self._since_count += 1
        if self._since_count < COUNTED_AGAIN_AFTER and self._counted_bytes + size_bytes <= self._budget_bytes:
            return True
        lock = folders.take_lock(directory / folders.BUDGET_LOCK, wait=True)
        try:
            found = [piece for folder in folders.model_folders(directory) for piece in folders.pieces(folder)]
            self._counted_bytes = sum(piece.size_bytes for piece in found)
            self._since_count = 0
            for piece in sorted(found, key=lambda each: each.used_ns):
                if self._counted_bytes + size_bytes <= self._budget_bytes or piece.used_ns > used_ns:
                    break
                _unlink(piece.path)
                self._counted_bytes -= piece.size_bytes
                if piece.path.parent == self._folder:
                    self._lost(piece.key)
            return self._counted_bytes + size_bytes <= self._budget_bytes
        finally:
            if lock is not None:
                os.close(lock)

    def _set_time(self, key: bytes, moment_ns: int) -> None:
        try:
            os.utime(self.path_of(key), ns=(moment_ns, moment_ns))
        except OSError as fault:
            _LOG.debug("the use of a remembered prompt is not noted: %s", fault)


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        _LOG.debug("%s cannot be removed: %s", path, fault)
