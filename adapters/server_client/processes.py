"""ServerProcesses over the entries in one folder."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from adapters.server_client.entries import ServerFolder
from adapters.server_client.identity import is_same, send_signal
from adapters.server_client.servers import INTRODUCTION, LOOPBACK, WrongProof, line_to
from domain.errors import AccessDenied, Conflict
from ports.running_servers import ServerEntry
from ports.server_processes import RunningModel, ServerCondition, ServerReport

if TYPE_CHECKING:
    from adapters.server_client.line import Line

ANSWER_SECONDS = 2.0


class EnteredProcesses:
    """Stateless."""

    def __init__(self, folder: ServerFolder, patience_seconds: float = ANSWER_SECONDS) -> None:
        self._folder = folder
        self._patience_seconds = patience_seconds

    def running(self) -> Sequence[ServerEntry]:
        found = []
        for path, entry in self._folder.entries():
            if not self.gone(entry):
                found.append(entry)
            elif all(entry.born):
                self._folder.sweep(path)  # another process has the number now
        return sorted(found, key=lambda each: (each.port, each.host))

    def look(self, entry: ServerEntry) -> ServerReport:
        if entry.stopping:
            return ServerReport(entry, ServerCondition.STOPPING)
        try:
            line = line_to(entry)
        except OSError:
            return ServerReport(entry, ServerCondition.SILENT)
        try:
            return self._asked(line, entry)
        except WrongProof as fault:
            raise Conflict(
                f"another program answers on port {entry.port}",
                hint=f"`ps -p {entry.signalled_id}` shows the process that was entered there",
            ) from fault
        except (OSError, ValueError, KeyError, TypeError):
            return ServerReport(entry, ServerCondition.SILENT)
        finally:
            line.close()

    def terminate(self, entry: ServerEntry) -> None:
        _send(entry.signalled_id, entry.born[1], signal.SIGTERM)

    def kill(self, entry: ServerEntry) -> None:
        _send(entry.signalled_id, entry.born[1], signal.SIGKILL)
        _send(entry.process_id, entry.born[0], signal.SIGKILL)

    def gone(self, entry: ServerEntry) -> bool:
        marked = zip((entry.process_id, entry.signalled_id), entry.born, strict=True)
        return not any(is_same(number, mark) for number, mark in marked)

    def _asked(self, line: Line, entry: ServerEntry) -> ServerReport:
        """Nothing is believed of a server on a loopback address before its proof; another one proves nothing."""
        models, requests = None, None
        if entry.host.startswith(LOOPBACK):
            challenge = os.urandom(16).hex()
            told = line.get(INTRODUCTION + challenge, self._patience_seconds)
            if not isinstance(told, dict) or not entry.instance.proves(challenge, entry.port, str(told["proof"])):
                raise WrongProof("not the server of the entry")
            models = tuple(RunningModel(str(each["name"]), int(each["need_bytes"])) for each in told["models"])
            requests = int(told["requests"])
        ready = line.get("/ready", self._patience_seconds, statuses=(200, 503))
        if not isinstance(ready, dict):
            raise ValueError(f"no answer of ours: {json.dumps(ready)[:40]}")
        if models is None:
            models = tuple(RunningModel(str(each), None) for each in ready["models"])
        return ServerReport(entry, ServerCondition(ready["state"]), models, requests)


def _send(process_id: int, mark: str, number: signal.Signals) -> None:
    try:
        send_signal(process_id, mark, number)
    except PermissionError as fault:
        raise AccessDenied(
            f"process {process_id} takes no signals from this user", hint="stop the server as the user who started it"
        ) from fault
