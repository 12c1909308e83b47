"""Does a model turn text into vectors?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.catalog.location import LocatedModel
from domain.catalog.manifest import ModelManifest

_DECLARED_ENCODERS = ("xlm-roberta", "modernbert", "nomic_bert")
_EMBEDS = re.compile(r"embed(?!ded)", re.ASCII)
_DECODER_TYPES = ("qwen3", "mistral")
JUDGE_TYPES = ("qwen3",)
CLASSIFIES = "ForSequenceClassification"
_RERANKS = re.compile(r"rerank", re.ASCII)
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


def rerank_evidence(location: LocatedModel, manifest: ModelManifest) -> str | None:
    """What shows that the model scores pairs and makes no vectors: a cross-encoder, or one that would write yes or no.
    None for everything else.
    """
    if classifies(manifest):
        return f"config.json: architectures {manifest.architectures[0]}"
    causal = any("ForCausalLM" in architecture for architecture in manifest.architectures)
    if causal and manifest.model_type in JUDGE_TYPES and _RERANKS.search(location.name.lower()):
        return f"name: {location.name}"
    return None


def classifies(manifest: ModelManifest) -> bool:
    return any(architecture.endswith(CLASSIFIES) for architecture in manifest.architectures)


def label_count(config: Mapping[str, object]) -> int:
    """Of a classifier, as transformers counts: two where nothing is said."""
    for value in (config.get("num_labels"), config.get("id2label")):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, Mapping):
            return len(value)
    return 2
