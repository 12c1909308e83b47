"""Fire, imported without what it takes along and a dispatch never uses."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

# asyncio: for commands that are coroutines; a quarter of a start-up. The others: for consoles of Windows, and pagers.
POSTPONED = ("asyncio", "ctypes", "platform", "subprocess")


class _Postponed(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def import_fire() -> ModuleType:
    """The fire package.

    While it is imported for the first time stand-ins take the place of modules that have not been imported yet; whoever
    imports those afterwards gets the real ones.
    """
    missing = [name for name in POSTPONED if name not in sys.modules]
    for name in missing:
        sys.modules[name] = _Postponed(name)
    if "asyncio" in missing:  # the one function of it that Fire calls for every command
        sys.modules["asyncio"].iscoroutinefunction = inspect.iscoroutinefunction  # type: ignore[attr-defined]
    try:
        return import_module("fire")
    finally:
        for name in missing:
            if isinstance(sys.modules.get(name), _Postponed):
                del sys.modules[name]
