"""Runs one workspace command in this process and kills it, with SIGKILL, before its n-th change of the disk.

python -m tests.support.crash_driver ROOT N COMMAND [ARGUMENT...]. Exit code 0: it ended before the n-th change.
An audit hook sees every open for writing, rename, link, removal and new folder; wrappers count writes and flushes.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHANGES = frozenset(
    {"os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.utime", "os.chmod",
     "fcntl.ioctl"}
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Bomb:
    """Goes off at the n-th change below `root`."""

    def __init__(self, root: Path, at: int) -> None:
        self._root = str(root)
        self._left = at
        self.armed = False

    def tick(self) -> None:
        if self.armed:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING and self._ours(path):
                self.tick()
        elif event in CHANGES and (event == "fcntl.ioctl" or self._ours(arguments[0])):
            self.tick()

    def _ours(self, path: object) -> bool:
        text = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
        return text.startswith(self._root) or not text.startswith("/")

    def wrap(self, name: str) -> None:
        real: Callable[..., Any] = getattr(os, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            self.tick()
            return real(*arguments, **named)

        setattr(os, name, counted)


def main(root: Path, at: int, command: str, *arguments: str) -> None:
    from application.workspace.clone_model import CloneRequest
    from application.workspace.convert_model import ConversionRequest
    from domain.workspace.conversion import ConversionWish
    from tests.support.workspace_kit import WorkspaceKit

    kit = WorkspaceKit(root)

    def convert(wish: ConversionWish) -> object:
        source, target = arguments
        return kit.convert().execute(ConversionRequest(source, target, wish))

    steps: dict[str, Callable[[], object]] = {
        "clone": lambda: kit.clone().execute(CloneRequest(arguments[0], arguments[1])),
        "repair": lambda: convert(ConversionWish(repair_index=True)),
        "quantize": lambda: convert(ConversionWish(bits=4, group_size=32)),
        "fix": lambda: kit.doctor().fix(*arguments),
        "undo": lambda: kit.doctor().undo(*arguments),
    }
    kit.libraries.installed()  # reading what is installed changes nothing; done before the count begins
    bomb = Bomb(root, at)
    sys.addaudithook(bomb.hook)
    for name in ("fsync", "write"):
        bomb.wrap(name)
    bomb.armed = True
    steps[command]()
    bomb.armed = False


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
