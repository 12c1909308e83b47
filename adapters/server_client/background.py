"""BackgroundServers: a server as a process of its own, and its log file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from typing import BinaryIO

import mlxk
from adapters.server_client.log_files import log_folder, log_path
from ports.background_servers import StartedServer

LARGEST_LOG_BYTES = 10 * 2**20
KEPT_LOGS = 3
END_OF_ENVELOPE = "}"  # alone on its line
ENDING_SECONDS = 10.0


class BackgroundLauncher:
    """environ: the environment of the server."""

    def __init__(self, user_state_dir: Path, environ: Mapping[str, str]) -> None:
        self._state_dir = user_state_dir
        self._environ = environ

    def start(self, options: Sequence[str], port: int, secrets: Mapping[str, str]) -> StartedServer:
        path = log_path(self._state_dir, port) if port else log_folder(self._state_dir) / f"starting-{os.getpid()}.log"
        command = [sys.executable, str(Path(mlxk.__file__).parent / "__main__.py"), "serve", "--json", *options]
        with open_log(path) as log:
            process = subprocess.Popen(
                command, env={**self._environ, **secrets}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True, text=True, encoding="utf-8",
            )  # fmt: skip
        try:
            said = _announcement(process)
            exit_code = None if said.endswith(f"{END_OF_ENVELOPE}\n") and not _failed(said) else process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
        process.returncode = 0 if exit_code is None else exit_code  # it is nobody's child to wait for
        return StartedServer(process.pid, said, exit_code, path)

    def name_log(self, started: StartedServer, port: int) -> PurePath:
        path = log_path(self._state_dir, port)
        put_aside(path)
        return Path(started.log_file).rename(path)


def _announcement(process: subprocess.Popen[str]) -> str:
    """Up to the end of one envelope, or of everything."""
    lines: list[str] = []
    if process.stdout is not None:
        for line in process.stdout:
            lines.append(line)
            if line.rstrip("\n") == END_OF_ENVELOPE:
                break
    return "".join(lines)


def _failed(said: str) -> bool:
    return '"status": "error"' in said.partition("\n")[2].partition("\n")[0]


def _end(process: subprocess.Popen[str]) -> None:
    """Twice is at once."""
    for _ in range(2):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_SECONDS / 2)
            return
    process.kill()
    process.wait()


def open_log(path: Path) -> BinaryIO:
    """For writing at its end; only its user can read it. One that has grown large is put aside first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if path.stat().st_size > LARGEST_LOG_BYTES:
            put_aside(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.fdopen(os.open(path, flags, 0o600), "ab")
    os.fchmod(file.fileno(), 0o600)
    return file


def put_aside(path: Path) -> None:
    """As NAME.1, what was that as NAME.2, and so on; the oldest goes. Nothing happens where there is no such file."""
    if not path.exists():
        return
    kept = [path, *(path.with_name(f"{path.name}.{number}") for number in range(1, KEPT_LOGS + 1))]
    for older, newer in zip(reversed(kept[1:]), reversed(kept[:-1]), strict=True):
        with suppress(FileNotFoundError):
            newer.replace(older)
