"""A hub by its address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from adapters.hub.directory_hub import DirectoryHub
from adapters.hub.http_hub import HttpHub
from adapters.hub.session import HubSession, origin
from ports.hub import ModelHub


def open_hub(address: str | None, configured: str, token: str | None, user_agent: str) -> ModelHub:
    """address: http://, https:// or file:///; None is the configured one, the only one that is sent the token.

    Raises InvalidRequest for an address that is none of these, ModelNotFound for a folder that is not there.
    """
    chosen = address or configured
    parts = urlsplit(chosen)
    if parts.scheme == "file":
        return DirectoryHub(Path(unquote(parts.path)).expanduser())
    trusted = origin(chosen) == origin(configured)
    return HttpHub(HubSession(chosen, token if trusted else None, user_agent=user_agent))
