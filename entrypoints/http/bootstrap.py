"""Wiring: the only module here that knows the container."""

from __future__ import annotations

from typing import cast

from entrypoints.http.services import Services
from entrypoints.settings import Settings


def build_services(settings: Settings) -> Services:
    """Called in the serving process, after the fork."""
    from container import Container

    container = Container(settings=settings, keep_spare=True)
    container.chat.override(container.served_answers)
    container.embed.override(container.served_embed)
    container.rerank.override(container.served_rerank)
    container.transcribe.override(container.served_transcribe)
    container.model_pool.override(container.served_pool)
    return cast(Services, container)
