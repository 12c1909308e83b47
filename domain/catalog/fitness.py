"""May this model do what was asked of it?"""

from __future__ import annotations

from domain.catalog.backend import Backend
from domain.catalog.report import ModelReport
from domain.errors import CapabilityMismatch, ModelNotRunnable, ModelUnhealthy

TEXT_GENERATION = "text-generation"
VISION = "vision"


def can_chat(report: ModelReport) -> bool:
    """Sound, runnable here, and able to write text."""
    return report.healthy and report.runtime_compatible and TEXT_GENERATION in report.capabilities


def can_see(report: ModelReport) -> bool:
    """It looks at pictures, and what it looks with runs here. Where only its text part does, it is a text model."""
    return report.backend == Backend.MLX_VLM and VISION in report.runnable_capabilities


def require_chat(report: ModelReport) -> None:
    """Raises ModelUnhealthy, CapabilityMismatch or ModelNotRunnable, in that order, naming the reason."""
    if not report.healthy:
        raise ModelUnhealthy(
            f"{report.name} cannot be used: {report.health_reason}",
            hint=f"see `mlxk health {report.name}`",
            param="model",
        )
    if TEXT_GENERATION not in report.capabilities:
        able = ", ".join(report.capabilities) or "nothing mlxk knows"
        raise CapabilityMismatch(
            f"{report.name} does not write text; it is for: {able}",
            hint="`mlxk list --text` shows the models that do",
            param="model",
        )
    if not report.runtime_compatible:
        raise ModelNotRunnable(f"{report.name} does not run here: {report.reason}", param="model")
