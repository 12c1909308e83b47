"""Fire, imported without asyncio."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from types import ModuleType


def import_fire() -> ModuleType:
    """The fire package.

    Fire imports asyncio for commands that are coroutines. We have none, and asyncio is a quarter of a start-up. While
    Fire is imported for the first time a stand-in takes its place, with the one function that Fire calls for every
    command; whoever imports asyncio afterwards gets the real one.
    """
    if "asyncio" in sys.modules:
        return import_module("fire")
    stand_in = ModuleType("asyncio")
    stand_in.iscoroutinefunction = inspect.iscoroutinefunction  # type: ignore[attr-defined]
    sys.modules["asyncio"] = stand_in
    try:
        return import_module("fire")
    finally:
        del sys.modules["asyncio"]
