"""Entries of running servers: one small file each, which only their user can read."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from adapters.server_client.announced import SUFFIX, servers_folder
from adapters.server_client.identity import born
from domain.serving.server_instance import ServerInstance
from ports.running_servers import ServerEntry

FORMAT = 2
LARGEST_BYTES = 4096
HIGHEST_PORT = 65535


class ServerFolder:
    """ServerRegister, and what finds the entries again. Stateless; the folder, `servers` in the user's cache, is made
    when there is something to write.

    A home may be shared by several machines: an entry counts only on the machine that wrote it.
    """

    def __init__(self, user_cache_dir: Path) -> None:
        self._folder = servers_folder(user_cache_dir)
        self._machine = os.uname().nodename

    def enter(self, entry: ServerEntry) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.entries()  # which sweeps
        temporary = self._folder / f".{entry.process_id}.{os.urandom(4).hex()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(self._written(entry), file)
            temporary.rename(self._path(entry.process_id))
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def leave(self, process_id: int) -> None:
        self._path(process_id).unlink(missing_ok=True)

    def entries(self) -> list[tuple[Path, ServerEntry]]:
        """Of processes that live, the latest first; those of this machine that do not are swept. Raises nothing."""
        found = list(self._readable())
        return sorted(found, key=lambda each: each[1].started, reverse=True)

    def sweep(self, path: Path) -> None:
        """Raises nothing."""
        with suppress(OSError):
            path.unlink()

    def _readable(self) -> Iterator[tuple[Path, ServerEntry]]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208
        except OSError:
            return
        for name in names:
            path = self._folder / name
            body = _private_json(path) if name.endswith(SUFFIX) else None
            entry = None if body is None else self._read(body)
            if entry is None:
                continue
            if alive(entry.process_id):
                yield path, entry
            else:
                self.sweep(path)

    def _path(self, process_id: int) -> Path:
        return self._folder / f"{self._machine}-{process_id}{SUFFIX}"

    def _written(self, entry: ServerEntry) -> dict[str, object]:
        return {
            "format": FORMAT,
            "machine": self._machine,
            "pid": entry.process_id,
            "host": entry.host,
            "port": entry.port,
            "version": entry.version,
            "started": entry.started,
            "supervisor": entry.supervisor_id,
            "born": [born(each) or "" for each in (entry.process_id, entry.signalled_id)],
            "stopping": entry.stopping,
            "secret": entry.instance.secret,
        }

    def _read(self, body: dict[str, Any]) -> ServerEntry | None:
        """None for what is not ours to read: another machine's, another format's, or nonsense."""
        if body.get("format") != FORMAT or body.get("machine") != self._machine:
            return None
        kinds: dict[str, type | tuple[type, ...]] = {
            "pid": int, "host": str, "port": int, "version": str, "started": (int, float), "secret": str,
            "supervisor": int, "born": list, "stopping": bool,
        }  # fmt: skip
        if not all(isinstance(body.get(name), kind) for name, kind in kinds.items()):
            return None
        if len(body["born"]) != 2 or not all(isinstance(each, str) for each in body["born"]):
            return None
        if not body["secret"] or body["pid"] < 1 or body["supervisor"] < 0:
            return None
        if not 1 <= body["port"] <= HIGHEST_PORT:
            return None
        return ServerEntry(
            body["pid"], body["host"], body["port"], body["version"], body["started"], ServerInstance(body["secret"]),
            body["supervisor"], body["stopping"], tuple(body["born"]),
        )  # fmt: skip


def _private_json(path: Path) -> dict[str, Any] | None:
    """The object in a regular file of this user's own that nobody else can read or write; else None."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
            return None
        try:
            body = json.loads(file.read(LARGEST_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
    return body if isinstance(body, dict) else None


def alive(process_id: int) -> bool:
    """Whether there is such a process, this user's or another's."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
