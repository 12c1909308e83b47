"""Which models of a portfolio fit into this machine's memory."""

from __future__ import annotations

import math

from domain.serving.memory_policy import (
    AUDIO_FREE_BYTES,
    NEED_PERCENT,
    Admission,
    DeviceMemory,
    admit_vision,
    portfolio_budget_bytes,
)
from tests.support.portfolio.kinds import Kind, PortfolioModel

GB = 1e9
VISION_TOO_LARGE = "Vision model exceeds 70% threshold"


def needed_bytes(model: PortfolioModel, memory: DeviceMemory) -> float:
    """What the model wants. A vision model of more than 70 % of RAM can never have enough: what it takes while it sees
    is not known beforehand.
    """
    match model.kind:
        case Kind.VISION:
            fits = admit_vision(model.size_bytes, memory).admission is not Admission.REFUSED
            return model.size_bytes if fits else math.inf
        case Kind.AUDIO:
            return AUDIO_FREE_BYTES
        case _:
            return model.size_bytes * NEED_PERCENT / 100


def available_bytes(model: PortfolioModel, memory: DeviceMemory) -> float:
    """What the model may have: of RAM for weights, of what is free now for hearing."""
    if model.kind is Kind.AUDIO:
        return memory.available_bytes
    if model.kind is Kind.VISION:
        return memory.total_bytes
    return portfolio_budget_bytes(memory.total_bytes)


def reason_to_skip(model: PortfolioModel, memory: DeviceMemory | None) -> str | None:
    """None: it runs. memory None: this system does not tell, and miniatures alone run. Exactly what there is fits."""
    if memory is None:
        return None if model.miniature else "this machine does not tell how much memory it has"
    need, have = needed_bytes(model, memory), available_bytes(model, memory)
    if math.isinf(need):
        return VISION_TOO_LARGE
    if need > have:
        return f"Model requires {need / GB:.1f} GB but only {have / GB:.1f} GB available"
    return None
