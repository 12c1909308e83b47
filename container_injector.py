"""dependency_injector, imported without what it would bring along.

It imports web frameworks when it finds them, for wiring we do not use: over half a second a start. asyncio is a fifth
of what is left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import iscoroutinefunction
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["containers", "providers"]


class _Hidden:
    """Makes some libraries look absent."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> None:
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"{fullname} is hidden while dependency_injector is imported", name=fullname)


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    finder = _Hidden(frozenset(names))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def _postponed(name: str) -> Callable[..., Any]:
    """A function of asyncio's, without asyncio until it is called."""

    def call(*arguments: object) -> Any:
        return getattr(import_module("asyncio"), name)(*arguments)

    return call


@contextmanager
def _asyncio_postponed() -> Iterator[None]:
    """A stand-in with the names that dependency_injector takes, for providers of awaitables: we have none."""
    if "asyncio" in sys.modules:
        yield
        return
    stand_in = ModuleType("asyncio")
    for name in ("Future", "ensure_future", "gather"):
        setattr(stand_in, name, _postponed(name))
    stand_in.iscoroutinefunction = iscoroutinefunction  # type: ignore[attr-defined]
    sys.modules["asyncio"] = stand_in
    try:
        yield
    finally:
        del sys.modules["asyncio"]


with (
    _hidden("fastapi", "starlette", "pydantic", "pydantic_settings", "werkzeug", "flask", "aiohttp", "yaml"),
    _asyncio_postponed(),
):
    from dependency_injector import containers, providers
