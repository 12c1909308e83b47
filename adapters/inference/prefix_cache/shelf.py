"""Where remembered pieces lie: in memory while its budget lasts, and on the disk where there is one."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import mlx.core as mx

from adapters.inference.prefix_cache.disk import DiskTier
from adapters.inference.prefix_cache.entry import Entry, Held
from adapters.inference.prefix_cache.index import PrefixIndex
from adapters.inference.prefix_cache.packing import packed, unpacked
from adapters.inference.prefix_cache.record_file import Unreadable

# Of the memory's budget, what may be read ahead when a process starts.
AHEAD_SHARE = 4
AHEAD_BYTES = 512 << 20


class Shelf:
    """An entry is in the index while its values are in memory or on the disk. Used last is dropped last, and of one
    sequence the end is dropped before the beginning, which others may share. The engine's thread only.
    """

    def __init__(self, ram_bytes: int, disk: DiskTier | None) -> None:
        self.index = PrefixIndex()
        self._ram_bytes = ram_bytes
        self._disk = disk
        self._used: OrderedDict[bytes, Entry] = OrderedDict()
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def load(self, accept: Callable[[Entry], bool]) -> None:
        """Find again what an earlier process wrote down; what is not accepted is removed."""
        if self._disk is None:
            return
        for entry in self._disk.found():
            if accept(entry):
                self.index.add(entry)
            else:
                self._disk.forget(entry.key)
        newest_first = [entry.key for entry in self.index][::-1]
        self._disk.read_ahead(newest_first, min(self._ram_bytes // AHEAD_SHARE, AHEAD_BYTES))

    def put(self, fresh: Sequence[tuple[Entry, Held]]) -> None:
        """Take values in, in order from the first token on: of new entries, and of those that were on the disk alone.
        Evaluates them at once, so that they pin nothing of the caches they come from.
        """
        mx.eval([(*held.rows, *held.whole) for _, held in fresh])
        now_ns = time.time_ns()
        for at, (entry, held) in enumerate(fresh):
            entry.held = held
            self.index.add(entry)
            if self._disk is not None and not entry.stored:
                entry.stored = self._disk.put(packed(entry, held), now_ns - at)

    def use(self, path: Sequence[Entry]) -> None:
        """These were just used, in order from the first token on."""
        for entry in reversed(path):
            if entry.held is None:
                continue
            if entry.key not in self._used:
                self._bytes += entry.held.size_bytes
            self._used[entry.key] = entry
            self._used.move_to_end(entry.key)
        if self._disk is not None:
            self._disk.touch([entry.key for entry in path if entry.stored])
            if self._bytes + self._disk.ahead_bytes > self._ram_bytes:
                self._disk.drop_ahead()
        while self._bytes > self._ram_bytes:
            self._let_go(next(iter(self._used.values())))

    def values(self, path: Sequence[Entry]) -> list[Held] | None:
        """Of all of them, read from the disk where need be; None when one could not be read and was forgotten."""
        missing = [entry for entry in path if entry.held is None]
        if missing and self._disk is not None:
            for entry, record in zip(missing, self._disk.read([each.key for each in missing]), strict=True):
                if not isinstance(record, Unreadable):
                    entry.held = unpacked(record)
        unread = [entry for entry in missing if entry.held is None]
        for entry in unread:
            self.forget(entry)
        if unread:
            for entry in missing:
                entry.held = None
            return None
        return [entry.held for entry in path if entry.held is not None]

    def forget(self, entry: Entry) -> None:
        """In memory and on the disk."""
        self._out_of_memory(entry)
        self.index.remove(entry)
        if self._disk is not None and entry.stored:
            self._disk.forget(entry.key)
            entry.stored = False

    def notice(self) -> bool:
        """Learn what became of the files: some could not be written or had to go, or somebody wiped them all (True)."""
        if self._disk is None:
            return False
        wiped = self._disk.wiped_by_others()
        if wiped:
            self._clear()
            self._disk.begin_again()
        for key in self._disk.lost():
            entry = self.index.get(key)
            if entry is not None:
                entry.stored = False
                if entry.held is None:
                    self.index.remove(entry)
        return wiped

    def wipe(self) -> None:
        self._clear()
        if self._disk is not None:
            self._disk.wipe()

    def close(self) -> None:
        """Write down what is in memory alone, used last first; then let the disk go."""
        if self._disk is None:
            return
        self.notice()
        now_ns = time.time_ns()
        for at, entry in enumerate(reversed(self._used.values())):
            if not entry.stored and entry.held is not None:
                self._disk.put(packed(entry, entry.held), now_ns - at, wait=True)
        self._disk.close()
        self._disk = None

    def _clear(self) -> None:
        for entry in self.index:
            self._out_of_memory(entry)
            self.index.remove(entry)

    def _let_go(self, entry: Entry) -> None:
        self._out_of_memory(entry)
        if not entry.stored:
            self.index.remove(entry)

    def _out_of_memory(self, entry: Entry) -> None:
        if self._used.pop(entry.key, None) is not None and entry.held is not None:
            self._bytes -= entry.held.size_bytes
        entry.held = None
