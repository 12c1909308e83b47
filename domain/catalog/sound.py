"""Does a model hear or speak, and which library would do it?"""

from __future__ import annotations

import re

from domain.catalog.backend import Backend
from domain.catalog.location import LocatedModel
from domain.catalog.manifest import PREPROCESSOR, THINKER, ModelManifest, section
from domain.catalog.model_ref import short_name

# Families whose only job is speech to text; a model_type that contains one of these words is one of them.
TRANSCRIBERS = ("whisper", "vibevoice", "voxtral")
TRANSCRIBER_TYPES = frozenset(
    {
        "parakeet", "parakeet_tdt", "canary", "moonshine", "sensevoice", "qwen3_asr", "cohere_asr", "fireredasr2",
        "fun_asr_nano", "granite_speech", "mms", "wav2vec2", "lasr_ctc", "nemotron_asr", "glmasr",
    }
)  # fmt: skip
SPEAKER_TYPES = frozenset(
    {
        "kokoro", "bark", "dia", "sesame", "csm", "outetts", "soprano", "chatterbox", "chatterbox_turbo", "qwen3_tts",
        "voxcpm", "voxcpm2", "melotts", "indextts", "kitten_tts", "pocket_tts", "spark", "omnivoice", "moss_tts",
        "tada", "voxtral_tts", "vibevoice_streaming", "echo_tts", "irodori_tts", "kugelaudio", "longcat_audiodit",
        "audiodit", "breeze_tts", "higgs_audio", "moss_tts_nano", "moss_tts_delay", "moss_tts_local", "zonos2",
    }
)  # fmt: skip
_HEARING_WORDS = ("gemma3n", "voxtral", "whisper", "vibevoice", "audio")
_ENGLISH_ONLY = re.compile(r"whisper-(?:tiny|base|small|medium)\.en(?:$|[^a-z])", re.ASCII)
_TURBO = re.compile(r"whisper-.*turbo", re.ASCII)


def transcriber_evidence(manifest: ModelManifest) -> str | None:
    """What shows that the model does nothing but turn speech into text."""
    kind = manifest.model_type.lower()
    if kind in SPEAKER_TYPES:
        return None
    if any(word in kind for word in TRANSCRIBERS) or kind in TRANSCRIBER_TYPES:
        return f"config.json: model_type {manifest.model_type}"
    extractor = _feature_extractor(manifest)
    if "whisper" in extractor.lower() and not kind:
        return f"{PREPROCESSOR}: feature_extractor_type {extractor}"
    return None


def speaker_evidence(manifest: ModelManifest) -> str | None:
    """What shows that the model turns text into speech."""
    if manifest.model_type.lower() in SPEAKER_TYPES:
        return f"config.json: model_type {manifest.model_type}"
    if manifest.readme.pipeline_tag == "text-to-speech":
        return "README.md: pipeline_tag text-to-speech"
    return None


def audio_evidence(manifest: ModelManifest) -> str | None:
    """What shows that the model takes sound; None when nothing does. A null audio_config stub does not count."""
    if section(manifest.config, "audio_config"):
        return "config.json: audio_config"
    if section(section(manifest.config, THINKER), "audio_config"):
        return f"config.json: {THINKER}.audio_config"
    kind = manifest.model_type.lower()
    if any(word in kind for word in _HEARING_WORDS) or kind in TRANSCRIBER_TYPES:
        return f"config.json: model_type {manifest.model_type}"
    extractor = _feature_extractor(manifest)
    if "whisper" in extractor.lower():
        return f"{PREPROCESSOR}: feature_extractor_type {extractor}"
    return None


def audio_backend(location: LocatedModel, manifest: ModelManifest) -> tuple[Backend, str] | None:
    """The library for its sound and what decided; None when nothing names one."""
    config, kind = manifest.config, manifest.model_type.lower()
    if kind == "voxtral":
        return Backend.MLX_AUDIO, "model_type voxtral"
    if "audio_config" in config and section(config, "vision_config"):
        return Backend.MLX_VLM, "config.json: audio_config and vision_config"
    if section(section(config, THINKER), "vision_config"):
        return Backend.MLX_VLM, f"config.json: {THINKER}.vision_config"
    if transcriber_evidence(manifest):
        return Backend.MLX_AUDIO, f"speech-to-text model_type {manifest.model_type or '(none)'}"
    if "whisper" in _feature_extractor(manifest).lower():
        return Backend.MLX_AUDIO, f"{PREPROCESSOR}: Whisper feature extractor"
    if any(word in short_name(location.name).lower() for word in TRANSCRIBERS):
        return Backend.MLX_AUDIO, f"name: {location.name}"
    if "audio_config" in config:
        return Backend.MLX_VLM, "config.json: audio_config"
    return None


def translates_to_english(location: LocatedModel, manifest: ModelManifest) -> bool:
    """Whole Whisper models do: English-only ones have nothing to translate, turbo ones never learned it."""
    name = short_name(location.name).lower()
    return manifest.model_type == "whisper" and not _ENGLISH_ONLY.search(name) and not _TURBO.search(name)


def _feature_extractor(manifest: ModelManifest) -> str:
    value = manifest.document(PREPROCESSOR).value.get("feature_extractor_type")
    return value if isinstance(value, str) else ""
