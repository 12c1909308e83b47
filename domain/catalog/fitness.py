"""May this model do what was asked of it?"""

from __future__ import annotations

from domain.catalog.backend import Backend
from domain.catalog.report import ModelReport
from domain.errors import CannotTranslate, CapabilityMismatch, ModelNotRunnable, ModelUnhealthy

TEXT_GENERATION = "text-generation"
VISION = "vision"
EMBEDDINGS = "embeddings"
RERANK = "rerank"
AUDIO = "audio"
TRANSLATE = "audio-translate-en"


def can_chat(report: ModelReport) -> bool:
    """Sound, runnable here, and able to write text."""
    return report.healthy and report.runtime_compatible and TEXT_GENERATION in report.capabilities


def can_see(report: ModelReport) -> bool:
    """It looks at pictures, and what it looks with runs here. Where only its text part does, it is a text model."""
    return report.backend == Backend.MLX_VLM and VISION in report.runnable_capabilities


def can_embed(report: ModelReport) -> bool:
    """Sound, runnable here, and able to turn text into vectors."""
    return report.healthy and report.runtime_compatible and EMBEDDINGS in report.capabilities


def can_rerank(report: ModelReport) -> bool:
    """Sound, runnable here, and able to put documents in order."""
    return report.healthy and report.runtime_compatible and RERANK in report.capabilities


def only_hears(report: ModelReport) -> bool:
    """Speech to text is all it does: it holds no conversations about what it hears."""
    return AUDIO in report.capabilities and TEXT_GENERATION not in report.capabilities


def can_transcribe(report: ModelReport) -> bool:
    """Sound, runnable here, and able to write down what is said."""
    return report.healthy and report.runtime_compatible and only_hears(report)


def can_serve(report: ModelReport) -> bool:
    """A server has a route for what it does."""
    return can_chat(report) or can_embed(report) or can_rerank(report) or can_transcribe(report)


def require_chat(report: ModelReport) -> None:
    """Raises ModelUnhealthy, CapabilityMismatch or ModelNotRunnable, in that order, naming the reason."""
    if only_hears(report) and report.healthy:
        raise CapabilityMismatch(
            f"{report.name} writes down what it hears, it answers no text",
            hint="send it a sound: `mlxk transcribe`, `mlxk run --audio FILE` or POST /v1/audio/transcriptions",
            param="model",
        )
    _require(report, TEXT_GENERATION, "write text", "`mlxk list --text` shows the models that do")


def require_embed(report: ModelReport) -> None:
    """As `require_chat`."""
    _require(report, EMBEDDINGS, "turn text into vectors", "`mlxk list --embeddings` shows the models that do")


def require_rerank(report: ModelReport) -> None:
    """As `require_chat`."""
    _require(report, RERANK, "rerank documents", "take a reranker, such as bge-reranker or Qwen3-Reranker")


def require_transcribe(report: ModelReport) -> None:
    """As `require_chat`."""
    others = "`mlxk list --audio` shows the models that hear, such as whisper-large-v3"
    if AUDIO in report.capabilities and not only_hears(report) and report.healthy:
        raise CapabilityMismatch(
            f"{report.name} writes down no sounds; it is for: {', '.join(report.capabilities)}",
            hint=others,
            param="model",
        )
    _require(report, AUDIO, "hear", others)


def require_translate(report: ModelReport) -> None:
    """Of a model that transcribes. Raises CannotTranslate."""
    if TRANSLATE not in report.capabilities:
        raise CannotTranslate(
            f"{report.name} writes down what it hears in the language that is spoken, it does not translate",
            hint="whole multilingual Whisper models translate into English, such as whisper-large-v3",
            param="model",
        )


def require_served(report: ModelReport) -> None:
    """As `require_chat`, for a model that a server has any route for."""
    if EMBEDDINGS in report.capabilities:
        require_embed(report)
    elif RERANK in report.capabilities:
        require_rerank(report)
    elif only_hears(report):
        require_transcribe(report)
    else:
        require_chat(report)


def _require(report: ModelReport, capability: str, does: str, others: str) -> None:
    if not report.healthy:
        raise ModelUnhealthy(
            f"{report.name} cannot be used: {report.health_reason}",
            hint=f"see `mlxk health {report.name}`",
            param="model",
        )
    if capability not in report.capabilities:
        able = ", ".join(report.capabilities) or "nothing mlxk knows"
        raise CapabilityMismatch(
            f"{report.name} does not {does}; it is for: {able}",
            hint=others,
            param="model",
        )
    if not report.runtime_compatible:
        raise ModelNotRunnable(f"{report.name} does not run here: {report.reason}", param="model")
