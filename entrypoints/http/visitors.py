"""From which address and which page may a request come? Against DNS rebinding and foreign pages in a browser.

A browser on this machine reaches what listens here, whoever wrote the page it shows. It tells two things that a page
cannot forge: the name the page asked for (Host), and where the page came from (Origin, Sec-Fetch-Site). A page whose
own name has been rebound to 127.0.0.1 shows itself by its Host; any other page by its Origin.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from entrypoints.door_settings import EVERY_ORIGIN
from entrypoints.http.listener import Address

MOST_REMEMBERED = 64
DEFAULT_PORTS = {"http": "80", "https": "443"}


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says of where it comes from; "" for what it does not say."""

    host: str
    origin: str = ""
    fetch_site: str = ""


class HostRule:
    """Which names this server answers to. Thread-safe.

    keyed: keys are demanded. A rebound page has none, so any name is let in then, unless some are named.
    """

    def __init__(self, address: Address, named: Sequence[str], *, keyed: bool) -> None:
        self._every = keyed and not named
        self._bound = _address(address.host)
        self._open_to_others = not address.is_loopback
        self._names = frozenset(
            {"localhost", address.name.lower(), *named, *(_own_names() if self._open_to_others else ())}
        )
        self._good: frozenset[str] = frozenset()

    def admits(self, host: str) -> bool:
        """host: a Host header's value, port and all."""
        if self._every or host in self._good:
            return True
        if not self._judge(host_name(host)):
            return False
        if len(self._good) < MOST_REMEMBERED:
            self._good |= {host}
        return True

    def _judge(self, name: str) -> bool:
        if name and name in self._names:
            return True
        address = _address(name)
        if address is None:
            return False
        # An address is nobody's to rebind: where others may come, whatever address they use is good.
        return address.is_loopback or address == self._bound or self._open_to_others


class OriginRule:
    """Pages of which origins may ask. named: as in DoorSettings.cors_origin. Stateless."""

    def __init__(self, named: Sequence[str]) -> None:
        self._every = EVERY_ORIGIN in named
        self._named = frozenset(named)

    def names(self, origin: str) -> bool:
        """Whether a page from there, other than our own, may ask and read the answer."""
        return bool(origin) and (self._every or origin.lower() in self._named)

    def admits(self, visit: Visit) -> bool:
        if visit.origin:
            return self.names(visit.origin) or _authority(visit.origin) == _authority(f"http://{visit.host}")
        return visit.fetch_site != "cross-site" or self._every


def host_name(host: str) -> str:
    """Without port, brackets and the dot at its end, in lower case; "" for nonsense."""
    name = host.strip().lower()
    if name.startswith("["):
        inside, closed, port = name[1:].partition("]")
        return inside if closed and (not port or _is_port(port)) else ""
    name, colon, digits = name.partition(":")
    return name.rstrip(".") if not colon or _is_port(f":{digits}") else ""


def _is_port(text: str) -> bool:
    return text.startswith(":") and (text == ":" or (text.isascii() and text[1:].isdecimal()))


def _authority(origin: str) -> tuple[str, str]:
    """Host and port of an http origin. Behind a proxy that ends TLS the scheme differs: the default port is "" then."""
    scheme, _, rest = origin.lower().partition("://")
    name = host_name(rest) or f"?{origin}"
    port = rest.rpartition(":")[2] if ":" in rest.rpartition("]")[2] else ""
    return name, "" if port == DEFAULT_PORTS.get(scheme) else port


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return None


def _own_names() -> tuple[str, ...]:
    """What this machine calls itself: no stranger's page can be called so by the domain name system outside."""
    name = socket.gethostname().lower()
    return tuple(each for each in (name, f"{name.partition('.')[0]}.local") if each)
