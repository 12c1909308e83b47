"""Who may come in: the settings of `mlxk serve` about keys, hosts, origins and what a request may weigh."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from domain.byte_size import parse_size
from domain.errors import UsageError
from entrypoints.setting_values import Reader, Setting, as_boolean, as_folder

SHORTEST_KEY = 8
KEY = re.compile(r"[!-+\--~]+")
HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[?[0-9a-f:.]+\]?", re.ASCII)
ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/\s,?#]*", re.ASCII)
EVERY_ORIGIN = "*"
KEYS_IN_SIGHT = "--api-key shows its value to every program on this machine: --api-key-file keeps it private"


@dataclass(frozen=True, slots=True)
class Keys:
    """API keys, never shown."""

    values: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """api_key, api_key_file: all their keys count. no_auth: everybody may come in, also from elsewhere. allow_host:
    further names of this server, in lower case. cors_origin: pages of these origins may ask (`*`: of all).
    max_body: bytes of a request's body, pictures and all; None for the server's own limits. access_log: one line for
    each request.
    """

    api_key: Setting[Keys]
    api_key_file: Setting[Path | None]
    no_auth: Setting[bool]
    allow_host: Setting[tuple[str, ...]]
    cors_origin: Setting[tuple[str, ...]]
    max_body: Setting[int | None]
    access_log: Setting[bool]

    @property
    def keyed(self) -> bool:
        """Whether keys are demanded."""
        return bool(self.api_key.value.values) or self.api_key_file.value is not None


def read_doors(reader: Reader) -> DoorSettings:
    """Lists come as one text with commas. Raises UsageError; a key is in none of its messages."""
    api_key = reader.read("api_key", "MLXK_API_KEY", lambda text: Keys(_words(text)), default=Keys())
    check_keys(api_key.value.values, api_key.name)
    return DoorSettings(
        api_key=api_key,
        api_key_file=reader.read("api_key_file", "MLXK_API_KEY_FILE", as_folder, default=None),
        no_auth=reader.read("no_auth", "MLXK_NO_AUTH", as_boolean, default=False),
        allow_host=reader.read("allow_host", "MLXK_ALLOW_HOST", as_hosts, default=()),
        cors_origin=reader.read("cors_origin", "MLXK_CORS_ORIGIN", as_origins, default=()),
        max_body=reader.read("max_body", "MLXK_MAX_BODY", parse_size, default=None),
        access_log=reader.read("access_log", "MLXK_ACCESS_LOG", as_boolean, default=True),
    )


def check_keys(keys: tuple[str, ...], where: str) -> None:
    """Raises UsageError for a key that cannot be sent in a header, or that anybody could guess."""
    for number, key in enumerate(keys, 1):
        if len(key) < SHORTEST_KEY or not KEY.fullmatch(key):
            raise UsageError(
                f"key {number} of {where} is no key: at least {SHORTEST_KEY} ASCII characters, no spaces or commas",
                hint="`openssl rand -hex 24` makes a good one",
            )


def as_hosts(text: str) -> tuple[str, ...]:
    """Names or addresses, without ports."""
    hosts = tuple(word.lower().rstrip(".") for word in _words(text))
    for host in hosts:
        if not HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host name or address; write it without scheme and port")
    return tuple(host.strip("[]") for host in hosts)


def as_origins(text: str) -> tuple[str, ...]:
    """As browsers send them: `https://host`, `http://localhost:3000`, `null`, or `*`."""
    origins = tuple(word.lower().rstrip("/") for word in _words(text))
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin; write it as http://localhost:3000, or * for every page")
    return origins


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
