"""Models that see, hear, speak or embed, and the gates of mlx-vlm and mlx-audio."""

from __future__ import annotations

from tests.support.model_zoo.case import Case
from tests.support.model_zoo.content import (
    Files,
    llama_config,
    mlx_safetensors,
    text_model,
    tokenizer,
)

WHISPER: dict[str, object] = {"model_type": "whisper", "n_mels": 80, "n_vocab": 51865}
IMAGES: Files = {
    "preprocessor_config.json": {"image_processor_type": "CLIPImageProcessor", "image_mean": [0.5, 0.5, 0.5]}
}
SEES = ("text-generation", "chat", "vision")


def seeing(kind: str, **config: object) -> Files:
    return {**text_model(llama_config(model_type=kind, vision_config={"depth": 2}, **config)), **IMAGES}


def whisper(**files: object) -> Files:
    return {"config.json": WHISPER, "model.safetensors": mlx_safetensors(), **files}  # type: ignore[dict-item]


SENSE_CASES = (
    Case("vision_qwen", seeing("qwen2_vl"), capabilities=SEES, backend="mlx-vlm"),
    Case("vision_only_type", seeing("mllama"), capabilities=SEES, backend="mlx-vlm"),
    Case(
        "vision_type_without_config",
        {**text_model(llama_config(model_type="pixtral")), **IMAGES},
        capabilities=SEES,
        backend="mlx-vlm",
    ),
    Case(
        "vision_with_video_processor",
        {
            **seeing("qwen2_vl"),
            "preprocessor_config.json": {"temporal_patch_size": 2, "image_processor_type": "Qwen2VLImageProcessor"},
        },
        capabilities=SEES,
        backend="mlx-vlm",
    ),
    Case("vision_text_remains", seeing("llama4_text"), capabilities=SEES, backend="mlx-vlm"),
    Case(
        "vision_falls_back_to_text",
        seeing("olmo3_hybrid_vl"),
        capabilities=SEES,
        why_not="model_type 'olmo3_hybrid_vl' not supported by mlx-vlm",
    ),
    Case("vision_dropped", seeing("bailing_moe_v3"), capabilities=SEES, dropped=("vision",)),
    Case(
        "video_only_processor", {**text_model(), "preprocessor_config.json": {"processor_class": "AutoVideoProcessor"}}
    ),
    Case(
        "audio_and_vision",
        {**seeing("gemma3n", audio_config={"hidden_size": 8}), **IMAGES},
        capabilities=(*SEES, "audio"),
        backend="mlx-vlm",
    ),
    Case("null_audio_config", text_model(llama_config(audio_config=None)) | {}, backend="mlx-lm"),
    Case(
        "whisper",
        whisper(),
        label="audio",
        capabilities=("audio", "audio-translate-en"),
        backend="mlx-audio",
        context_length=None,
    ),
    Case(
        "whisper_npz",
        {"config.json": WHISPER, "weights.npz": b"PK\x03\x04" + bytes(300)},
        label="audio",
        capabilities=("audio", "audio-translate-en"),
        backend="mlx-audio",
        context_length=None,
    ),
    Case(
        "whisper_english_only",
        whisper(),
        name="mlx-community/whisper-tiny.en-mlx",
        label="audio",
        capabilities=("audio",),
        backend="mlx-audio",
        context_length=None,
    ),
    Case(
        "whisper_turbo",
        whisper(),
        name="mlx-community/whisper-large-v3-turbo",
        label="audio",
        capabilities=("audio",),
        backend="mlx-audio",
        context_length=None,
    ),
    Case(
        "whisper_processor_is_no_eye",
        whisper(
            **{
                "preprocessor_config.json": {
                    "feature_extractor_type": "WhisperFeatureExtractor",
                    "sampling_rate": 16000,
                }
            }
        ),
        label="audio",
        capabilities=("audio", "audio-translate-en"),
        backend="mlx-audio",
        context_length=None,
    ),
    Case(
        "audio_processor_is_no_eye",
        {
            **text_model(llama_config(model_type="qwen2_audio", audio_config={"d_model": 8})),
            "preprocessor_config.json": {"feature_extractor_type": "WhisperFeatureExtractor", "sampling_rate": 16000},
        },
        capabilities=("text-generation", "chat", "audio"),
        backend="mlx-audio",
    ),
    Case(
        "audio_processor_class_is_no_eye",
        {
            **text_model(llama_config(model_type="qwen2_audio", audio_config={"d_model": 8})),
            "preprocessor_config.json": {"feature_extractor_type": "WhisperFeatureExtractor", "sampling_rate": 16000},
            "processor_config.json": {"processor_class": "Qwen2AudioProcessor"},
        },
        capabilities=("text-generation", "chat", "audio"),
        backend="mlx-audio",
    ),
    Case(
        "omni_sees_and_hears_through_mlx_vlm",
        {
            **text_model(
                llama_config(
                    model_type="qwen3_omni_moe",
                    thinker_config={"audio_config": {"d_model": 8}, "vision_config": {"depth": 2}},
                )
            ),
            "preprocessor_config.json": {
                "feature_extractor_type": "WhisperFeatureExtractor",
                "image_processor_type": "Qwen2VLImageProcessor",
            },
        },
        capabilities=(*SEES, "audio"),
        backend="mlx-vlm",
    ),
    Case(
        "video_processor_beside_image_processor",
        {**text_model(), **IMAGES, "video_preprocessor_config.json": {"do_resize": True}},
    ),
    Case(
        "voxtral_tekken",
        whisper(**{"config.json": {"model_type": "voxtral"}, "tekken.json": {"vocab": []}}),
        label="audio",
        capabilities=("audio",),
        context_length=None,
        why_not="Voxtral tokenizer needs tokenizer.json; this model has only tekken.json",
    ),
    Case(
        "audio_type_unknown",
        whisper(**{"config.json": {"model_type": "whisper9"}}),
        label="audio",
        capabilities=("audio",),
        why_not="model_type 'whisper9' not supported by mlx-audio",
        context_length=None,
    ),
    Case(
        "speaker",
        whisper(**{"config.json": {"model_type": "kokoro"}}),
        label="audio",
        capabilities=("speech",),
        backend="mlx-audio",
        context_length=None,
    ),
    Case(
        "bert_encoder",
        whisper(**{"config.json": {"model_type": "bert", "architectures": ["BertModel"]}, **tokenizer(template=None)}),
        name="mlx-community/bge-small",
        label="embedding",
        capabilities=("embeddings",),
        backend="mlx-vlm",
        context_length=None,
    ),
    Case(
        "qwen_embedder",
        text_model(llama_config(model_type="qwen3", architectures=["Qwen3ForCausalLM"])),
        name="mlx-community/Qwen3-Embedding-0.6B",
        label="embedding",
        capabilities=("embeddings",),
        backend="mlx-vlm",
        context_length=None,
    ),
    Case("gemma_never_by_name", text_model(llama_config(model_type="gemma3_text")), name="mlx-community/gemma3-embed"),
    Case(
        "gemma_by_sentence_files",
        {**text_model(llama_config(model_type="gemma3_text")), "modules.json": b"[]"},
        name="mlx-community/embeddinggemma",
        label="embedding",
        capabilities=("embeddings",),
        backend="mlx-vlm",
        context_length=None,
    ),
    Case(
        "encoder_unsupported",
        whisper(**{"config.json": {"model_type": "nomic_bert"}}),
        label="embedding",
        capabilities=("embeddings",),
        context_length=None,
        why_not="Embedding encoder not supported: nomic_bert — use bge/e5 or Qwen3-Embedding",
    ),
    Case(
        "reranker",
        whisper(
            **{
                "config.json": {
                    "model_type": "modernbert",
                    "architectures": ["ModernBertForSequenceClassification"],
                    "id2label": {"0": "LABEL_0"},
                }
            }
        ),
        label="embedding",
        capabilities=("rerank",),
        backend="mlx-vlm",
        context_length=None,
    ),
    Case(
        "classifier_of_two_classes",
        whisper(**{"config.json": {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}}),
        label="embedding",
        capabilities=("rerank",),
        context_length=None,
        why_not="It sorts texts into 2 classes; a reranker has one number to say",
    ),
    Case(
        "reranker_unsupported",
        whisper(
            **{
                "config.json": {
                    "model_type": "qwen3",
                    "architectures": ["Qwen3ForSequenceClassification"],
                    "num_labels": 1,
                }
            }
        ),
        label="embedding",
        capabilities=("rerank",),
        context_length=None,
        why_not="Reranker not supported: qwen3 — use bge-reranker or Qwen3-Reranker",
    ),
    Case(
        "reranker_that_writes",
        text_model(llama_config(model_type="qwen3", architectures=["Qwen3ForCausalLM"])),
        name="mlx-community/Qwen3-Reranker-0.6B-mxfp8",
        label="embedding",
        capabilities=("rerank",),
        backend="mlx-lm",
        context_length=None,
    ),
)
