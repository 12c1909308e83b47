"""Children that are no worker: a line of Python with the front's socket in `line`, for tests of the front's nerves."""

from __future__ import annotations

import sys

PREAMBLE = """
import json, os, signal, socket, struct, sys, time
line = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
stream = line.makefile("rb")
def say(message):
    body = json.dumps(message).encode()
    line.sendall(struct.pack("!I", len(body)) + body)
def hear():
    head = stream.read(4)
    return json.loads(stream.read(struct.unpack("!I", head)[0])) if len(head) == 4 else None
def start(protocol=4):
    say({"kind": "started", "protocol": protocol, "process_id": os.getpid()})
def load():
    start(); hear()
    facts = {"name": "x", "context_length": 512, "process_id": os.getpid(), "memory_bytes": 1}
    say({"kind": "loaded", "facts": facts})
def text(request_id, piece):
    return [request_id, "text", piece]
"""


def impostor(code: str) -> tuple[str, ...]:
    """The command of a child that does this; see PREAMBLE for its words."""
    return (sys.executable, "-c", PREAMBLE + code)
