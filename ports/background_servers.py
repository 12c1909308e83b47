"""Servers that outlive the command that starts them, and what they have logged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StartedServer:
    """said: all it wrote to standard output, until it was ready or had ended. exit_code: None while it runs."""

    process_id: int
    said: str
    exit_code: int | None
    log_file: PurePath


class BackgroundServers(Protocol):
    def start(self, options: Sequence[str], port: int, secrets: Mapping[str, str]) -> StartedServer:
        """`mlxk serve` with these options, in a session of its own, without a terminal; it logs to a file of its port
        that only its user can read. secrets: variables for it alone, as all can read command lines. Returns when it has
        announced itself as JSON, or has ended. A caller that is interrupted leaves nothing behind. Raises OSError when
        file or process cannot be had.
        """

    def name_log(self, started: StartedServer, port: int) -> PurePath:
        """Where its log lies from now on: it asked for port 0 and got this one. Raises OSError."""


@dataclass(frozen=True, slots=True)
class ServerLog:
    """modified: seconds since 1970."""

    port: int
    path: PurePath
    modified: float


class ServerLogs(Protocol):
    def known(self) -> Sequence[ServerLog]:
        """Of servers in the background, also of those that have ended; the latest first. Raises nothing."""

    def path(self, port: int) -> PurePath:
        """Where the log of a server on that port lies, or would."""

    def last_lines(self, path: PurePath, count: int) -> str:
        """With their line ends. Raises OSError."""

    def follow(self, path: PurePath, count: int) -> Iterator[str]:
        """The last lines, and then what comes, also after the file has been put aside for a new one or cut. Never ends.
        Raises OSError.
        """
