"""ServerLogs: one file for each port, in `logs` of the user's state."""

from __future__ import annotations

import codecs
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import BinaryIO

from ports.background_servers import ServerLog

NAME = re.compile(r"server-([0-9]{1,5})\.log", re.ASCII)
PIECE_BYTES = 64 * 1024
PAUSE_SECONDS = 0.2


def log_folder(user_state_dir: Path) -> Path:
    return user_state_dir / "logs"


def log_path(user_state_dir: Path, port: int) -> Path:
    return log_folder(user_state_dir) / f"server-{port}.log"


class LogFiles:
    """sleep: between two looks at a file that is followed."""

    def __init__(self, user_state_dir: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self._state_dir = user_state_dir
        self._sleep = sleep

    def known(self) -> Sequence[ServerLog]:
        try:
            with os.scandir(log_folder(self._state_dir)) as entries:
                found = [
                    ServerLog(int(name[1]), Path(each.path), each.stat().st_mtime)
                    for each in entries
                    if (name := NAME.fullmatch(each.name)) and each.is_file(follow_symlinks=False)
                ]
        except OSError:
            return ()
        return sorted(found, key=lambda each: each.modified, reverse=True)

    def path(self, port: int) -> PurePath:
        return log_path(self._state_dir, port)

    def last_lines(self, path: PurePath, count: int) -> str:
        with Path(path).open("rb") as file:
            return _last_lines(file, count).decode("utf-8", "replace")

    def follow(self, path: PurePath, count: int) -> Iterator[str]:
        file: BinaryIO = Path(path).open("rb")  # noqa: SIM115  (another one takes its place)
        text = codecs.getincrementaldecoder("utf-8")("replace")
        try:
            yield text.decode(_last_lines(file, count))
            while True:
                if piece := file.read(PIECE_BYTES):
                    yield text.decode(piece)
                elif (following := _following(file, Path(path))) is not None:
                    if following is not file:
                        file.close()
                    file = following
                else:
                    self._sleep(PAUSE_SECONDS)
        finally:
            file.close()


def _last_lines(file: BinaryIO, count: int) -> bytes:
    """Leaves the file at its end, as it was when it was looked for."""
    start = end = file.seek(0, os.SEEK_END)
    held = b""
    while start > 0 and held.count(b"\n") <= count:
        size = min(PIECE_BYTES, start)
        start -= size
        file.seek(start)
        held = file.read(size) + held
    file.seek(end)
    return b"".join(held.splitlines(keepends=True)[-count:]) if count else b""


def _following(file: BinaryIO, path: Path) -> BinaryIO | None:
    """What to read on after the end: the file that has taken its place, or itself, when it was cut; None while nothing
    has happened.
    """
    here = os.fstat(file.fileno())
    try:
        there = path.stat()
    except FileNotFoundError:
        return None
    if (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino):
        return None if file.read(1) and not file.seek(-1, os.SEEK_CUR) else path.open("rb")
    if there.st_size < file.tell():
        file.seek(0)
        return file
    return None
