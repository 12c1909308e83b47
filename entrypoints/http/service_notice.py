"""What a service manager wants to hear: systemd's protocol, one datagram for each change of state."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)

SOCKET_VARIABLE = "NOTIFY_SOCKET"
READY = "READY=1"
STOPPING = "STOPPING=1"


def tell_manager(environ: Mapping[str, str], state: str) -> None:
    """Nothing happens where no manager listens ; one that cannot be told is no reason not to serve."""
    path = environ.get(SOCKET_VARIABLE, "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path.startswith("@") else path
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.connect(address)
            line.sendall(state.encode("ascii"))
    except OSError as fault:
        log.warning("the service manager was not told %s: %s", state, fault)
