"""Rules about what stands beside the weights: processors and tokenizers."""

from __future__ import annotations

from domain.catalog.health_fault import Fault, absent, broken
from domain.catalog.manifest import (
    PREPROCESSOR,
    PROCESSOR,
    TOKENIZER,
    TOKENIZER_CONFIG,
    JsonState,
    ModelManifest,
)
from domain.catalog.vision import has_processor, vision_evidence

# Vocabularies that need no tokenizer.json: SentencePiece, BPE pairs, WordPiece, tiktoken, Mistral's own.
VOCABULARIES = ("tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json", "tekken.json")
VOCABULARY_SUFFIXES = (".tiktoken", ".spm", ".model")


def vision_model_has_processor(manifest: ModelManifest) -> Fault | None:
    if vision_evidence(manifest) is None or has_processor(manifest):
        return None
    return absent("Vision model missing preprocessor_config.json or processor_config.json")


def processor_files_are_objects(manifest: ModelManifest) -> Fault | None:
    if vision_evidence(manifest) is None:
        return None
    for name in (PREPROCESSOR, PROCESSOR):
        document = manifest.document(name)
        match document.state:
            case JsonState.EMPTY | JsonState.NOT_OBJECT:
                return broken(f"{name} invalid")
            case JsonState.INVALID:
                return broken(f"{name} invalid JSON")
            case JsonState.UNREADABLE | JsonState.TOO_LARGE:
                return broken(f"{name} cannot be read: {document.detail}")
            case JsonState.OBJECT | JsonState.MISSING:
                continue
    return None


def tokenizer_config_is_an_object(manifest: ModelManifest) -> Fault | None:
    document = manifest.document(TOKENIZER_CONFIG)
    match document.state:
        case JsonState.OBJECT | JsonState.MISSING:
            return None
        case JsonState.EMPTY | JsonState.NOT_OBJECT:
            return broken("tokenizer_config.json exists but invalid")
        case JsonState.INVALID:
            return broken("tokenizer_config.json contains invalid JSON")
        case JsonState.UNREADABLE | JsonState.TOO_LARGE:
            return broken(f"tokenizer_config.json cannot be read: {document.detail}")


def tokenizer_has_vocabulary(manifest: ModelManifest) -> Fault | None:
    if not manifest.document(TOKENIZER_CONFIG).usable or manifest.has_any((TOKENIZER, *VOCABULARIES)):
        return None
    names = (entry.path for entry in manifest.listing.files if entry.in_root and not entry.problem)
    if any(name.endswith(VOCABULARY_SUFFIXES) for name in names):
        return None
    return absent("tokenizer_config.json present but tokenizer.json missing")


RULES = (
    vision_model_has_processor,
    processor_files_are_objects,
    tokenizer_config_is_an_object,
    tokenizer_has_vocabulary,
)
