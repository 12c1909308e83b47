"""Settings about vectors: the model of `mlxk embed-serve`, and a server that is asked for models that are not here."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from domain.errors import UsageError
from entrypoints.setting_values import Reader, Setting, as_boolean, as_text


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """backend: where requests for vectors go whose model is not here, None: nowhere. allow_remote: it may lie on
    another machine. model, cpu: for `mlxk embed-serve`; cpu: compute without the graphics processor.
    """

    backend: Setting[str | None]
    allow_remote: Setting[bool]
    model: Setting[str | None]
    cpu: Setting[bool]


def read_embedding(reader: Reader) -> EmbeddingSettings:
    """Raises UsageError, also for a backend elsewhere that was not allowed: texts are private."""
    found = EmbeddingSettings(
        backend=reader.read("embed_backend", "MLXK_EMBED_BACKEND", as_backend, default=None),
        allow_remote=reader.read("allow_remote_backend", "MLXK_ALLOW_REMOTE_BACKEND", as_boolean, default=False),
        model=reader.read("embed_model", "MLXK2_EMBED_MODEL", as_text, default=None),
        cpu=reader.read("embed_cpu", "MLXK2_EMBED_CPU", as_boolean, default=False),
    )
    backend = found.backend.value
    if backend is not None and not found.allow_remote.value and not _is_here(urlsplit(backend).hostname or ""):
        raise UsageError(
            f"{found.backend.name}={backend}: texts would be sent to another machine",
            hint="add --allow-remote-backend if that is meant",
        )
    return found


def as_backend(text: str) -> str:
    """http(s)://host[:port], with the path of the API or without it."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError as fault:
        raise ValueError(f"is no address: {fault}") from None
    if not good:
        raise ValueError("must be http://host:port")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address alone, without a user, a query or a fragment")
    if not text.isascii() or any(each.isspace() or not each.isprintable() for each in text):
        raise ValueError("must be plain ASCII without spaces")
    return text


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
