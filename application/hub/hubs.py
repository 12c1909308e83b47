"""Which hub a use case talks to."""

from __future__ import annotations

from collections.abc import Callable

from ports.hub import ModelHub

OpenHub = Callable[[str | None], ModelHub]
"""A hub by its address (http://, https://, file://); None is the one that is configured. Raises InvalidRequest."""

MAIN = "main"
