"""Does a model see? The one detector, for every command and the server."""

from __future__ import annotations

from collections.abc import Mapping

from domain.catalog.manifest import (
    IMAGE_PROCESSOR,
    PREPROCESSOR,
    PROCESSOR,
    THINKER,
    VIDEO_PREPROCESSOR,
    JsonState,
    ModelManifest,
    section,
)

VISION_TYPES = frozenset(
    {"llava", "llava_next", "pixtral", "qwen2_vl", "phi3_v", "mllama", "paligemma", "idefics", "smolvlm"}
)
_AUDIO_KEYS = ("feature_extractor_type", "sampling_rate")
_AUDIO_PROCESSORS = ("audio", "speech", "voxtral", "wav2vec", "whisper")
_IMAGE_KEYS = ("image_processor_type", "image_mean", "do_resize", "crop_size", "patch_size")


def vision_evidence(manifest: ModelManifest) -> str | None:
    """What shows that the model takes pictures; None when nothing does."""
    config = manifest.config
    if section(config, "vision_config"):
        return "config.json: vision_config"
    if section(section(config, THINKER), "vision_config"):
        return f"config.json: {THINKER}.vision_config"
    if manifest.model_type in VISION_TYPES:
        return f"config.json: model_type {manifest.model_type}"
    if config.get("image_processor"):
        return "config.json: image_processor"
    embedded = section(config, "preprocessor_config")
    if embedded and not _for_video(embedded) and not _for_audio(embedded):
        return "config.json: preprocessor_config"
    return _processor_file(manifest)


def has_processor(manifest: ModelManifest) -> bool:
    """Whether the settings for its pictures are there, in a file of their own or inside config.json."""
    inside = any(
        section(manifest.config, key) for key in ("preprocessor_config", "processor_config", "image_processor")
    )
    return inside or manifest.has_any((PREPROCESSOR, PROCESSOR))


def _processor_file(manifest: ModelManifest) -> str | None:
    """A processor file shows vision unless it is one for video or sound; an unreadable one is not held against it."""
    if manifest.has(VIDEO_PREPROCESSOR):
        return None
    for name in (PREPROCESSOR, PROCESSOR, IMAGE_PROCESSOR):
        document = manifest.document(name)
        if document.state is JsonState.MISSING or document.value.get("temporal_patch_size") is not None:
            continue
        if not _for_video(document.value) and not _for_audio(document.value):
            return name
    return None


def _for_video(settings: Mapping[str, object]) -> bool:
    return any(settings.get(key) == "AutoVideoProcessor" for key in ("processor_class", "image_processor_type")) or (
        "AutoVideoProcessor" in section(settings, "auto_map")
    )


def _for_audio(settings: Mapping[str, object]) -> bool:
    made_for = str(settings.get("processor_class", "")).lower()
    hears = (
        any(key in settings for key in _AUDIO_KEYS)
        or bool(section(settings, "feature_extractor"))
        or any(word in made_for for word in _AUDIO_PROCESSORS)
    )
    sees = any(key in settings for key in _IMAGE_KEYS) or bool(section(settings, "image_processor"))
    return hears and not sees
