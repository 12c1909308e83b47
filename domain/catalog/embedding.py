"""Does a model turn text into vectors?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from domain.catalog.location import LocatedModel
from domain.catalog.manifest import ModelManifest

_DECLARED_ENCODERS = ("xlm-roberta", "modernbert", "nomic_bert")
_EMBEDS = re.compile(r"embed(?!ded)", re.ASCII)
_DECODER_TYPES = ("qwen3", "mistral")
_SENTENCE_FILES = ("modules.json", "config_sentence_transformers.json", "1_Pooling/config.json")


class EmbedderKind(StrEnum):
    DECODER = "decoder"
    ENCODER = "encoder"


@dataclass(frozen=True, slots=True)
class Embedder:
    kind: EmbedderKind
    evidence: str


def classify_embedder(location: LocatedModel, manifest: ModelManifest) -> Embedder | None:
    """The kind of embedder, the configuration asked first; None for everything else.

    A name alone never makes an embedder of gemma3_text: too many chat models share the type. The files that
    sentence-transformers writes do.
    """
    causal = any("ForCausalLM" in architecture for architecture in manifest.architectures)
    name, kind = location.name.lower(), manifest.model_type
    if (causal or kind in _DECODER_TYPES) and _EMBEDS.search(name) and kind != "gemma3_text":
        return Embedder(EmbedderKind.DECODER, f"name: {location.name}")
    if kind == "bert" or kind in _DECLARED_ENCODERS:
        return Embedder(EmbedderKind.ENCODER, f"config.json: model_type {kind}")
    for file in _SENTENCE_FILES:
        if manifest.has(file):
            return Embedder(EmbedderKind.DECODER if causal else EmbedderKind.ENCODER, file)
    return None


def reranks(manifest: ModelManifest) -> bool:
    """A cross-encoder scores pairs; it makes no vectors."""
    return any(architecture.endswith("ForSequenceClassification") for architecture in manifest.architectures)
