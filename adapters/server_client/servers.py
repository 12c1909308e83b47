"""RunningServers over the entries in one folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from adapters.server_client.entries import ServerFolder, alive
from domain.inference import GenerationRequest
from ports.model_worker import GenerationStream
from ports.running_servers import RunningServer, ServerEntry

if TYPE_CHECKING:
    from adapters.server_client.line import Line

MOST_SERVERS = 8
LOOPBACK = ("127.", "::1")
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (bound to all addresses: asked at the loopback one)
# A healthy server answers within a few milliseconds, a very busy one within some tens.
LOOK_UP_SECONDS = 0.25
PROVING_SECONDS = 2.0  # of a server that has been found: what comes in its place takes longer
INTRODUCTION = "/v1/mlxk/server?challenge="


class WrongProof(ValueError):
    """Somebody else has the port of an entry."""


class FoundServers:
    """RunningServers. version: only servers of the same one are asked. patience_seconds: for all of them together."""

    def __init__(self, folder: ServerFolder, version: str, patience_seconds: float = LOOK_UP_SECONDS) -> None:
        self._folder = folder
        self._version = version
        self._patience_seconds = patience_seconds

    def reachable(self) -> Sequence[RunningServer]:
        deadline = time.monotonic() + self._patience_seconds
        found: list[RunningServer] = []
        for path, entry in self._folder.entries()[:MOST_SERVERS]:
            left = deadline - time.monotonic()
            if entry.version != self._version or left <= 0 or not answers_commands(entry):
                continue
            try:
                line, tokens = introduce(entry, left)
            except WrongProof:
                self._folder.sweep(path)
                continue
            except (OSError, ValueError) as fault:  # a server that lives may be full, busy or on its way down
                if isinstance(fault, ConnectionRefusedError) and not alive(entry.process_id):
                    self._folder.sweep(path)
                continue
            line.close()
            found.append(FoundServer(entry, tokens))
        return found


def answers_commands(entry: ServerEntry) -> bool:
    """On a loopback address: a prompt is never sent to another machine."""
    return entry.host.startswith(LOOPBACK) and not entry.stopping


class FoundServer:
    """RunningServer. tokens: of the loads it held when it introduced itself."""

    def __init__(self, entry: ServerEntry, tokens: frozenset[str]) -> None:
        self._entry = entry
        self._tokens = tokens

    def holds(self, identity: str) -> bool:
        return self._entry.instance.load_token(identity) in self._tokens

    def ask(self, identity: str, name: str, request: GenerationRequest, *, streamed: bool) -> GenerationStream:
        from adapters.server_client.answer_stream import AnswerStream
        from adapters.server_client.request_body import chat_body

        token = self._entry.instance.load_token(identity)
        body = chat_body(request, name=name, load_token=token, streamed=streamed)
        return AnswerStream(lambda: introduce(self._entry, PROVING_SECONDS)[0], body, streamed=streamed)


def line_to(entry: ServerEntry) -> Line:
    """To whoever listens there. Raises OSError."""
    from adapters.server_client.line import Line

    host = EVERYWHERE.get(entry.host, entry.host)
    return Line(host, entry.port, lambda method, path: _authorization(entry, method, path))


def introduce(entry: ServerEntry, seconds: float) -> tuple[Line, frozenset[str]]:
    """An open line to the server, which has just proved on it to be the one of the entry, and the loads it holds.

    Raises OSError when it is gone or slow, WrongProof when somebody else answers, ValueError for any other answer.
    """
    challenge = os.urandom(16).hex()
    line = line_to(entry)
    try:
        told = line.get(INTRODUCTION + challenge, seconds)
        if not isinstance(told, dict) or not isinstance(told.get("proof"), str):
            raise ValueError("no introduction")
        if not entry.instance.proves(challenge, entry.port, told["proof"]):
            raise WrongProof("not the server of the entry")
        tokens = frozenset(each["load"] for each in told["models"])
    except (KeyError, TypeError) as fault:
        line.close()
        raise ValueError("an introduction of another kind") from fault
    except BaseException:
        with suppress(OSError):
            line.close()
        raise
    return line, tokens


def _authorization(entry: ServerEntry, method: str, path: str) -> str:
    """In place of an API key, which a command of the same user need not know: made from the entry's secret for this one
    request. A program that has taken over the port learns a pass for the introduction from it, and nothing else.
    """
    nonce = os.urandom(16).hex()
    return f"mlxk {nonce}:{entry.instance.pass_for(nonce, entry.port, method, path)}"
