"""What the pool of models is told and tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

from application.serving.loading import Allowance


@dataclass(frozen=True, slots=True)
class Beside:
    """leaving_bytes: what models that must leave for another give back. staying_bytes: what the others hold on to."""

    leaving_bytes: int
    staying_bytes: int


class Waiting(TypedDict, total=False):
    """How a request waits for its model, as ModelPool.events says."""

    given_up: Callable[[], bool]
    allowance: Allowance | None
    joining: bool
