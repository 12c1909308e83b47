"""Ties the command line to the house: the one module here that may import the container."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, partial
from typing import cast

from entrypoints.cli.console import Console
from entrypoints.cli.services import Context, Server, Services
from entrypoints.settings import load_settings


def context_for(console: Console) -> Context:
    """The context of this process. Nothing is built before a command asks for it."""
    return Context(
        console=console,
        settings=load_settings,
        services=cache(partial(_services, with_file=False)),
        server_settings=partial(load_settings, with_file=True),
        server_services=cache(partial(_services, with_file=True)),
        server=_server,
        now=lambda: datetime.now(UTC),
    )


def _services(*, with_file: bool) -> Services:
    from container import Container

    return cast(Services, Container(settings=load_settings(with_file=with_file)))


def _server() -> Server:
    from entrypoints.http.server import serve

    return serve
