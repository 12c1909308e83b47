"""What a model says it can do, each answer with what shows it. One probe for list, show, run, serve and push."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.catalog.backend import Backend
from domain.catalog.embedding import Embedder, classifies, classify_embedder, rerank_evidence
from domain.catalog.framework import Framework, detect_framework
from domain.catalog.location import LocatedModel
from domain.catalog.manifest import ModelManifest
from domain.catalog.sound import (
    audio_backend,
    audio_evidence,
    speaker_evidence,
    transcriber_evidence,
    translates_to_english,
)
from domain.catalog.vision import VISION_TYPES, vision_evidence


class Capability(StrEnum):
    TEXT_GENERATION = "text-generation"
    CHAT = "chat"
    VISION = "vision"
    AUDIO = "audio"
    AUDIO_TRANSLATE_EN = "audio-translate-en"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    SPEECH = "speech"
    TOOLS = "tools"
    REASONING = "reasoning"


class TypeLabel(StrEnum):
    """The `model_type` of the JSON object: what kind of model it is, not its architecture."""

    CHAT = "chat"
    BASE = "base"
    AUDIO = "audio"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """capabilities: declared ones in a fixed order, each with its evidence. backend: the library that would run the
    model as a whole. architecture: config.json's model_type.
    """

    framework: Framework
    framework_evidence: str
    label: TypeLabel
    label_evidence: str
    capabilities: dict[Capability, str]
    backend: Backend
    backend_evidence: str
    architecture: str
    embedder: Embedder | None = None


def probe(location: LocatedModel, manifest: ModelManifest) -> ModelProfile:
    """Read the facts; never fails, whatever the files hold."""
    framework, framework_evidence = detect_framework(location, manifest)
    reranks = rerank_evidence(location, manifest)
    embedder = classify_embedder(location, manifest) if reranks is None else None
    capabilities = _capabilities(location, manifest, embedder, reranks)
    label, label_evidence = _label(location, manifest, capabilities)
    backend, backend_evidence = _backend(location, manifest, capabilities)
    return ModelProfile(
        framework=framework,
        framework_evidence=framework_evidence,
        label=label,
        label_evidence=label_evidence,
        capabilities=capabilities,
        backend=backend,
        backend_evidence=backend_evidence,
        architecture=manifest.model_type,
        embedder=embedder,
    )


def chat_evidence(location: LocatedModel, manifest: ModelManifest) -> str | None:
    """What shows that the model holds conversations; None for a base model."""
    if manifest.model_type == "chat" or manifest.model_type in VISION_TYPES:
        return f"config.json: model_type {manifest.model_type}"
    if manifest.template is not None:
        return f"{manifest.template.source}: chat template"
    for word in ("instruct", "chat"):
        if word in location.name.lower():
            return f"name: {word}"
    return None


def _capabilities(
    location: LocatedModel, manifest: ModelManifest, embedder: Embedder | None, reranks: str | None
) -> dict[Capability, str]:
    if embedder is not None:
        return {Capability.EMBEDDINGS: embedder.evidence}
    if reranks is not None:
        return {Capability.RERANK: reranks}
    transcriber = transcriber_evidence(manifest)
    if transcriber is not None:
        found = {Capability.AUDIO: transcriber}
        if translates_to_english(location, manifest):
            found[Capability.AUDIO_TRANSLATE_EN] = "multilingual Whisper"
        return found
    speaker = speaker_evidence(manifest)
    if speaker is not None:
        return {Capability.SPEECH: speaker}
    return _text_capabilities(location, manifest)


def _text_capabilities(location: LocatedModel, manifest: ModelManifest) -> dict[Capability, str]:
    kind = f"model_type {manifest.model_type}" if manifest.model_type else "nothing else"
    found = {Capability.TEXT_GENERATION: f"config.json: {kind}"}
    senses = (
        (Capability.CHAT, chat_evidence(location, manifest)),
        (Capability.VISION, vision_evidence(manifest)),
        (Capability.AUDIO, audio_evidence(manifest)),
    )
    found.update({capability: evidence for capability, evidence in senses if evidence is not None})
    if manifest.template is not None and manifest.template.tools:
        found[Capability.TOOLS] = f"{manifest.template.source}: chat template with tools"
    if manifest.template is not None and manifest.template.reasoning:
        found[Capability.REASONING] = f"{manifest.template.source}: chat template with reasoning"
    return found


def _label(
    location: LocatedModel, manifest: ModelManifest, capabilities: dict[Capability, str]
) -> tuple[TypeLabel, str]:
    for capability in (Capability.EMBEDDINGS, Capability.RERANK):
        if capability in capabilities:
            return TypeLabel.EMBEDDING, capabilities[capability]
    if Capability.TEXT_GENERATION not in capabilities:
        return TypeLabel.AUDIO, next(iter(capabilities.values()))
    chat = chat_evidence(location, manifest)
    return (TypeLabel.BASE, "no chat template") if chat is None else (TypeLabel.CHAT, chat)


def _backend(
    location: LocatedModel, manifest: ModelManifest, capabilities: dict[Capability, str]
) -> tuple[Backend, str]:
    if Capability.SPEECH in capabilities:
        return Backend.MLX_AUDIO, capabilities[Capability.SPEECH]
    if Capability.AUDIO in capabilities:
        chosen = audio_backend(location, manifest)
        if chosen is not None:
            return chosen
    if Capability.RERANK in capabilities and not classifies(manifest):
        return Backend.MLX_LM, capabilities[Capability.RERANK]
    for capability in (Capability.VISION, Capability.EMBEDDINGS, Capability.RERANK):
        if capability in capabilities:
            return Backend.MLX_VLM, capabilities[capability]
    return Backend.MLX_LM, "text only"
