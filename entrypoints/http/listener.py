"""The listening socket, bound before anything else starts: a port in use is one clear line at once."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from domain.errors import InvalidRequest, MlxkError, PortInUse

HIGHEST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens; port: the real one, also when 0 was asked for. name: what was asked for as host."""

    host: str
    port: int
    name: str = ""

    @property
    def url(self) -> str:
        """For a client on this machine: "every address" is spelled as the loopback one."""
        host = self.host
        if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
            host = "::1" if ":" in host else "127.0.0.1"
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback


def listen(host: str, port: int, backlog: int) -> tuple[socket.socket, Address]:
    """A socket that listens. host: a name or an IPv4 or IPv6 address; a name with both means IPv4. port: 0 takes any.

    Raises PortInUse, or InvalidRequest for a host or port that cannot be had.
    """
    family, target = _resolve(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(backlog)
    except OSError as fault:
        listener.close()
        raise _explained(fault, host, port) from fault
    name = listener.getsockname()
    return listener, Address(host=name[0], port=name[1], name=host)


def _resolve(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as fault:
        raise InvalidRequest(
            f"host {host!r} is no address of this machine",
            hint="--host 127.0.0.1 for this machine alone, --host 0.0.0.0 for every network",
            param="host",
        ) from fault
    first = min(found, key=lambda each: each[0] != socket.AF_INET)
    return first[0], first[4]


def _explained(fault: OSError, host: str, port: int) -> MlxkError:
    if fault.errno == errno.EADDRINUSE:
        other = port + 1 if port < HIGHEST_PORT else 8000
        hint = f"stop the program that listens there, or choose another port: --port {other}"
        return PortInUse(f"port {port} on {host} is in use", hint=hint, param="port")
    if fault.errno in (errno.EACCES, errno.EPERM):
        hint = "choose a port from 1024 up: --port 8000"
        return InvalidRequest(f"port {port} needs rights that this user does not have", hint=hint, param="port")
    hint = "--host 127.0.0.1 for this machine alone, --host 0.0.0.0 for every network"
    return InvalidRequest(f"cannot listen on {host}, port {port}: {fault.strerror}", hint=hint, param="host")
