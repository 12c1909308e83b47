"""Something is made in the moment before it is first used: before this process writes there or starts another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.user_cache import written_by

STARTS = frozenset(
    {
        "subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.spawn", "os.system", "pty.spawn",
    }
)  # fmt: skip


class FirstUse:
    """An audit hook. Paths are promised in nested blocks; what was promised last is meant. Thread-safe: whoever uses it
    second waits until it is made.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._promised: list[tuple[str, Callable[[], None] | None]] = []
        self._maker: int | None = None

    @contextmanager
    def of(self, path: str, make: Callable[[], None]) -> Iterator[None]:
        """Until the block ends."""
        self._promised.append((path, make))
        try:
            yield
        finally:
            self._promised.pop()

    def now(self) -> None:
        """Make the last one, unless it is made."""
        with self._guard:
            if self._maker is not None or not self._promised:
                return
            path, make = self._promised[-1]
            if make is None:
                return
            self._maker = threading.get_ident()
            try:
                make()
            finally:
                self._maker = None
            self._promised[-1] = (path, None)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._promised or self._promised[-1][1] is None or self._maker == threading.get_ident():
            return
        if event in STARTS or any(map(self._below, written_by(event, arguments))):
            self.now()

    def _below(self, path: str) -> bool:
        home = self._promised[-1][0]
        return path == home or path.startswith(f"{home}/")
