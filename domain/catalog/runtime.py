"""Does a model run here? Gates in a fixed order; the first that complains gives the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.catalog.backend import Backend
from domain.catalog.capability import Capability, ModelProfile
from domain.catalog.embedding import classifies, label_count
from domain.catalog.framework import Framework
from domain.catalog.health import Health
from domain.catalog.libraries import InstalledLibraries, TypeTable
from domain.catalog.manifest import TOKENIZER, ModelManifest

# mlx-lm loads `model*.safetensors` in the root and nothing else.
_LOADABLE = re.compile(r"model.*\.safetensors", re.ASCII)
_LEGACY = re.compile(r"weights\.\d+\.safetensors|weights.*\.npz|pytorch_model-.*\.safetensors", re.ASCII)
_SWITCHING = frozenset({"phi4mm"})
_TEXT = (Capability.TEXT_GENERATION, Capability.CHAT, Capability.TOOLS, Capability.REASONING)


@dataclass(frozen=True, slots=True)
class RuntimeVerdict:
    """compatible: the model's main job runs here. reason: why not; None only when compatible. backend: the library that
    runs it; None when nothing does. dropped: declared capabilities that do not run here, each with its reason.
    """

    compatible: bool
    reason: str | None
    backend: Backend | None
    dropped: dict[Capability, str]


def judge_runtime(
    health: Health, profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries
) -> RuntimeVerdict:
    """Integrity first, then the framework, then the gate of the model's back end."""
    if not health.healthy:
        return _refused(profile, health.reason)
    if profile.framework is not Framework.MLX:
        return _refused(profile, f"Incompatible framework: {profile.framework}")
    if manifest.config.get("model_file") is not None:
        return _refused(profile, "config.json asks to run the model's own code (model_file), which mlxk never does")
    if profile.backend is Backend.MLX_AUDIO:
        return _single(profile, audio_gate(profile, manifest, libraries))
    if Capability.EMBEDDINGS in profile.capabilities:
        return _single(profile, embedding_gate(profile, manifest, libraries))
    if Capability.RERANK in profile.capabilities:
        return _single(profile, rerank_gate(profile, manifest, libraries))
    if profile.backend is Backend.MLX_VLM:
        return _seeing(profile, manifest, libraries)
    return _single(profile, text_gate(profile, manifest, libraries))


def text_gate(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> str | None:
    """Why mlx-lm cannot load the model; None when it can."""
    if libraries.text is None:
        return "mlx-lm not installed"
    return (
        _weights_gate(manifest)
        or _model_type_gate(profile)
        or _table_gate(profile, manifest, libraries.text, Backend.MLX_LM)
    )


def vision_gate(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> str | None:
    """Why mlx-vlm cannot load the model; None when it can.

    There is no gate for image processors with a temporal patch size: every transformers that mlx-vlm accepts today
    loads them.
    """
    if libraries.vision is None:
        return "mlx-vlm not installed"
    return _model_type_gate(profile) or _table_gate(profile, manifest, libraries.vision, Backend.MLX_VLM)


def hearing_gate(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> str | None:
    """Why a model that mlx-vlm can load is given no sounds in a conversation; None when it is."""
    kind = profile.architecture
    if Capability.VISION not in profile.capabilities:
        return "Sounds are heard with models that also see"
    if kind.lower() in _SWITCHING:
        return f"model_type '{kind}' changes its layers with what it hears, for all who ask it at once"
    if libraries.hearing is not None and libraries.hearing.module_for(kind, manifest.architectures) is None:
        return f"model_type '{kind}' takes no sounds in {Backend.MLX_VLM}"
    return None


def audio_gate(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> str | None:
    """Why mlx-audio cannot load the model; None when it can."""
    speaks = Capability.SPEECH in profile.capabilities
    table = libraries.text_to_speech if speaks else libraries.speech_to_text
    if table is None:
        return "mlx-audio not installed"
    if manifest.has("tekken.json") and not manifest.has(TOKENIZER) and profile.architecture == "voxtral":
        return "Voxtral tokenizer needs tokenizer.json; this model has only tekken.json"
    return _model_type_gate(profile) or _table_gate(profile, manifest, table, Backend.MLX_AUDIO)


def embedding_gate(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> str | None:
    """Why mlx-vlm cannot embed with the model; None when it can."""
    if libraries.embedders is None:
        return "mlx-vlm not installed"
    missing = _model_type_gate(profile)
    if missing is not None:
        return missing
    if libraries.embedders.module_for(profile.architecture, manifest.architectures) is None:
        return f"Embedding encoder not supported: {profile.architecture} — use bge/e5 or Qwen3-Embedding"
    return None


def rerank_gate(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> str | None:
    """Why the model cannot rerank; None when it can, a cross-encoder with mlx-vlm, one that writes with mlx-lm."""
    if not classifies(manifest):
        return text_gate(profile, manifest, libraries)
    if libraries.rerankers is None:
        return "mlx-vlm not installed"
    labels = label_count(manifest.config)
    if labels != 1:
        return f"It sorts texts into {labels} classes; a reranker has one number to say"
    if libraries.rerankers.module_for(profile.architecture, manifest.architectures) is None:
        return f"Reranker not supported: {profile.architecture} — use bge-reranker or Qwen3-Reranker"
    return _model_type_gate(profile)


def _seeing(profile: ModelProfile, manifest: ModelManifest, libraries: InstalledLibraries) -> RuntimeVerdict:
    """A model that sees (or hears through mlx-vlm) runs when mlx-vlm has it; when only mlx-lm has it, its text does."""
    sight = vision_gate(profile, manifest, libraries)
    if sight is None:
        deaf = hearing_gate(profile, manifest, libraries) if Capability.AUDIO in profile.capabilities else None
        dropped = {} if deaf is None else {Capability.AUDIO: deaf}
        return RuntimeVerdict(compatible=True, reason=None, backend=Backend.MLX_VLM, dropped=dropped)
    text = text_gate(profile, manifest, libraries)
    if text is not None:
        return _refused(profile, sight)
    dropped = {capability: sight for capability in profile.capabilities if capability not in _TEXT}
    return RuntimeVerdict(compatible=True, reason=None, backend=Backend.MLX_LM, dropped=dropped)


def _single(profile: ModelProfile, problem: str | None) -> RuntimeVerdict:
    return _refused(profile, problem) if problem else _runs(profile.backend)


def _runs(backend: Backend) -> RuntimeVerdict:
    return RuntimeVerdict(compatible=True, reason=None, backend=backend, dropped={})


def _refused(profile: ModelProfile, reason: str) -> RuntimeVerdict:
    return RuntimeVerdict(
        compatible=False, reason=reason, backend=None, dropped=dict.fromkeys(profile.capabilities, reason)
    )


def _weights_gate(manifest: ModelManifest) -> str | None:
    names = [weight.name for weight in manifest.weights if weight.in_root]
    if any(_LOADABLE.fullmatch(name) for name in names):
        return None
    if any(_LEGACY.fullmatch(name) for name in names):
        return "Legacy format not supported by mlx-lm"
    return "No model*.safetensors for mlx-lm"


def _model_type_gate(profile: ModelProfile) -> str | None:
    return None if profile.architecture else "config.json missing model_type field"


def _table_gate(profile: ModelProfile, manifest: ModelManifest, table: TypeTable, backend: Backend) -> str | None:
    if table.module_for(profile.architecture, manifest.architectures) is not None:
        return None
    return f"model_type '{profile.architecture}' not supported by {backend}"
