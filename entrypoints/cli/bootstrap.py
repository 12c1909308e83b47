"""Ties the command line to the house: the one module here that may import the container."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import cast

from entrypoints.cli.console import Console
from entrypoints.cli.services import Context, Server, Services
from entrypoints.settings import load_settings


def context_for(console: Console) -> Context:
    """The context of this process. Nothing is built before a command asks for it."""
    return Context(
        console=console,
        settings=load_settings,
        services=cache(_services),
        server=_server,
        now=lambda: datetime.now(UTC),
    )


def _services() -> Services:
    from container import Container

    return cast(Services, Container(settings=load_settings()))


def _server() -> Server:
    from entrypoints.http.server import serve

    return serve
