"""Arrays on their way to and from the device."""

from __future__ import annotations

from typing import Any, cast

import mlx.core as mx


def dispatch(*arrays: mx.array) -> None:
    """Begin to compute them and do not wait."""
    cast("Any", mx).async_eval(*arrays)


def numbers(array: mx.array) -> list[Any]:
    """Nested as the array is. Waits for it."""
    return cast("list[Any]", array.tolist())
