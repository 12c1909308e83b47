"""Reads what was used last before anybody asks for it. No MLX."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from adapters.inference.prefix_cache.record_file import Record, Unreadable


class ReadAhead:
    """One thread, that ends when `most_bytes` are read or nothing is left. read: of one key, whole and checked. What
    cannot be read is passed over: whoever asks for it will see.
    """

    def __init__(self, read: Callable[[bytes], Record | Unreadable]) -> None:
        self._read = read
        self._records: dict[bytes, Record] = {}
        self._taken: set[bytes] = set()
        self._bytes = 0
        self._ended = False
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        return self._bytes

    def start(self, keys: Sequence[bytes], most_bytes: int) -> None:
        """Once. The first key is read first."""
        if keys and most_bytes > 0:
            threading.Thread(
                target=self._run, args=(list(keys), most_bytes), name="mlxk-prompts-ahead", daemon=True
            ).start()

    def take(self, key: bytes) -> Record | None:
        """None when it is not here; it will not be from now on."""
        with self._lock:
            self._taken.add(key)
            record = self._records.pop(key, None)
            if record is not None:
                self._bytes -= record.size_bytes
        return record

    def drop(self) -> None:
        """Let everything go and read no more."""
        with self._lock:
            self._ended = True
            self._records.clear()
            self._bytes = 0

    def _run(self, keys: Sequence[bytes], most_bytes: int) -> None:
        for key in keys:
            with self._lock:
                if self._ended:
                    return
                if key in self._taken:
                    continue
            record = self._read(key)
            if isinstance(record, Unreadable):
                continue
            with self._lock:
                if self._ended or self._bytes + record.size_bytes > most_bytes:
                    return
                if key not in self._taken:
                    self._records[key] = record
                    self._bytes += record.size_bytes
