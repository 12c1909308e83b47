"""What a model is for and what shows it: framework, senses, type, back end."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.backend import Backend
from domain.catalog.capability import Capability, TypeLabel, chat_evidence, probe
from domain.catalog.embedding import CLASSIFIES, Embedder, EmbedderKind, classify_embedder, label_count, rerank_evidence
from domain.catalog.framework import Framework, detect_framework
from domain.catalog.judge import judge
from domain.catalog.libraries import InstalledLibraries, TypeTable
from domain.catalog.listing import FileEntry, FolderListing, utc_from_ns
from domain.catalog.location import ModelSource
from domain.catalog.manifest import (
    IMAGE_PROCESSOR,
    PREPROCESSOR,
    PROCESSOR,
    VIDEO_PREPROCESSOR,
    JsonState,
    ReadmeFacts,
    TemplateFacts,
    WorkspaceFacts,
    is_weight_file,
    texts,
)
from domain.catalog.sound import audio_backend, audio_evidence, transcriber_evidence, translates_to_english
from domain.catalog.vision import vision_evidence
from tests.support.manifest_kit import located, manifest, weight

EYES = {"vision_config": {"depth": 1}}
EARS = {"audio_config": {"layers": 1}}


@pytest.mark.parametrize(
    ("framework", "evidence", "facts"),
    [
        (Framework.MLX, "name: mlx-community", {"name": "mlx-community/A"}),
        (Framework.MLX, "built in", {"source": ModelSource.BUILTIN}),
        (
            Framework.MLX, "name: mlx-community",
            {"name": "mine", "workspace": WorkspaceFacts(source_repo="mlx-community/A")},
        ),
        (Framework.MLX, "config.json: quantization", {"config": {"model_type": "llama", "quantization": None}}),
        (Framework.MLX, "README.md: tag mlx", {"readme": ReadmeFacts(tags=("text", "MLX"))}),
        (Framework.MLX, "README.md: library_name mlx", {"readme": ReadmeFacts(library_name="MLX")}),
        (
            Framework.MLX, "b.safetensors: written by MLX",
            {"weights": ["a.bin", weight("b.safetensors", made_by_mlx=True)]},
        ),
        (Framework.MLX, "weights.npz: early MLX format", {"weights": ["weights.npz"]}),
        (Framework.GGUF, "sub/a.gguf", {"weights": ["a.safetensors", "sub/a.gguf"]}),
        (Framework.PYTORCH, "a.safetensors", {"weights": ["a.safetensors"]}),
        (Framework.PYTORCH, "pytorch_model.bin", {"weights": ["pytorch_model.bin"]}),
        (Framework.UNKNOWN, "no weights of a known kind", {"weights": ["other.bin"]}),
        (Framework.UNKNOWN, "no weights of a known kind", {"weights": [], "workspace": WorkspaceFacts()}),
    ],
)  # fmt: skip
def test_a_framework_has_what_shows_it(framework: Framework, evidence: str, facts: dict[str, Any]) -> None:
    place = located(facts.get("name", "org/A"), facts.get("source", ModelSource.CACHE))
    rest = {name: value for name, value in facts.items() if name not in ("name", "source", "config")}
    assert detect_framework(place, manifest(facts.get("config"), **rest)) == (framework, evidence)


@pytest.mark.parametrize(
    ("config", "documents", "evidence"),
    [
        ({"a": 1, **EYES}, {}, "config.json: vision_config"),
        ({"thinker_config": EYES}, {}, "config.json: thinker_config.vision_config"),
        ({"model_type": "pixtral"}, {}, "config.json: model_type pixtral"),
        ({"model_type": "phi3_v"}, {}, "config.json: model_type phi3_v"),
        ({"image_processor": {"size": 1}}, {}, "config.json: image_processor"),
        ({"preprocessor_config": {"size": 1}}, {}, "config.json: preprocessor_config"),
        ({"preprocessor_config": {"processor_class": "AutoVideoProcessor"}}, {}, None),
        ({"preprocessor_config": {"sampling_rate": 16000}}, {}, None),
        ({"vision_config": {}}, {}, None),
        ({"vision_config": None, "thinker_config": {"vision_config": None}}, {}, None),
        ({"a": 1}, {PREPROCESSOR: {"size": 1}}, PREPROCESSOR),
        ({"a": 1}, {PROCESSOR: {"size": 1}}, PROCESSOR),
        ({"a": 1}, {IMAGE_PROCESSOR: {"size": 1}}, IMAGE_PROCESSOR),
        ({"a": 1}, {PREPROCESSOR: JsonState.INVALID}, PREPROCESSOR),
        ({"a": 1}, {PREPROCESSOR: {"size": 1}, VIDEO_PREPROCESSOR: {"size": 1}}, None),
        ({"a": 1}, {PREPROCESSOR: {"temporal_patch_size": 2}}, None),
        ({"a": 1}, {PREPROCESSOR: {"temporal_patch_size": 2}, PROCESSOR: {"size": 1}}, PROCESSOR),
        ({"a": 1}, {PREPROCESSOR: {"image_processor_type": "AutoVideoProcessor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "AutoVideoProcessor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"auto_map": {"AutoVideoProcessor": "x"}}}, None),
        ({"a": 1}, {PREPROCESSOR: {"auto_map": {"AutoImageProcessor": "x"}}}, PREPROCESSOR),
        ({"a": 1}, {PREPROCESSOR: {"feature_extractor_type": "X"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"sampling_rate": 1}}, None),
        ({"a": 1}, {PREPROCESSOR: {"feature_extractor": {"a": 1}}}, None),
        ({"a": 1}, {PREPROCESSOR: {"feature_extractor": {}}}, PREPROCESSOR),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "Wav2Vec2Processor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "WhisperProcessor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "VoxtralProcessor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "SpeechProcessor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "AudioProcessor"}}, None),
        ({"a": 1}, {PREPROCESSOR: {"processor_class": "CLIPProcessor"}}, PREPROCESSOR),
        *[
            ({"a": 1}, {PREPROCESSOR: {"sampling_rate": 1, key: 1}}, PREPROCESSOR)
            for key in ("image_processor_type", "image_mean", "do_resize", "crop_size", "patch_size")
        ],
        ({"a": 1}, {PREPROCESSOR: {"sampling_rate": 1, "image_processor": {"a": 1}}}, PREPROCESSOR),
        ({"a": 1}, {}, None),
    ],
)
def test_a_model_that_sees_shows_it_somewhere(
    config: dict[str, object], documents: dict[str, Any], evidence: str | None
) -> None:
    assert vision_evidence(manifest(config, documents=documents)) == evidence


HEARS = {PREPROCESSOR: {"feature_extractor_type": "WhisperFeatureExtractor"}}
HEARD = f"{PREPROCESSOR}: feature_extractor_type WhisperFeatureExtractor"


@pytest.mark.parametrize(
    ("config", "documents", "evidence"),
    [
        (EARS, {}, "config.json: audio_config"),
        ({"thinker_config": EARS}, {}, "config.json: thinker_config.audio_config"),
        ({"audio_config": None}, {}, None),
        ({"model_type": "Gemma3n"}, {}, "config.json: model_type Gemma3n"),
        ({"model_type": "qwen2_audio"}, {}, "config.json: model_type qwen2_audio"),
        ({"model_type": "parakeet"}, {}, "config.json: model_type parakeet"),
        ({"model_type": "llama"}, HEARS, HEARD),
        ({"model_type": "llama"}, {PREPROCESSOR: {"feature_extractor_type": 7}}, None),
        ({"model_type": "llama"}, {}, None),
    ],
)
def test_a_model_that_hears_shows_it_somewhere(
    config: dict[str, object], documents: dict[str, Any], evidence: str | None
) -> None:
    assert audio_evidence(manifest(config, documents=documents)) == evidence


@pytest.mark.parametrize(
    ("config", "documents", "evidence"),
    [
        ({"model_type": "Whisper"}, {}, "config.json: model_type Whisper"),
        ({"model_type": "vibevoice_asr"}, {}, "config.json: model_type vibevoice_asr"),
        ({"model_type": "canary"}, {}, "config.json: model_type canary"),
        ({"d_model": 1}, HEARS, HEARD),
        ({"model_type": "llama"}, HEARS, None),
        ({"d_model": 1}, {}, None),
    ],
)
def test_a_model_that_only_transcribes_shows_it_somewhere(
    config: dict[str, object], documents: dict[str, Any], evidence: str | None
) -> None:
    assert transcriber_evidence(manifest(config, documents=documents)) == evidence


@pytest.mark.parametrize(
    ("config", "documents", "name", "expected"),
    [
        ({"model_type": "voxtral"}, {}, "a/b", (Backend.MLX_AUDIO, "model_type voxtral")),
        (
            {"model_type": "whisper", **EARS, **EYES}, {}, "a/b",
            (Backend.MLX_VLM, "config.json: audio_config and vision_config"),
        ),
        ({"thinker_config": EYES}, {}, "a/b", (Backend.MLX_VLM, "config.json: thinker_config.vision_config")),
        ({"model_type": "whisper"}, {}, "a/b", (Backend.MLX_AUDIO, "speech-to-text model_type whisper")),
        ({"d_model": 1}, HEARS, "a/b", (Backend.MLX_AUDIO, "speech-to-text model_type (none)")),
        ({"model_type": "llama"}, HEARS, "a/b", (Backend.MLX_AUDIO, f"{PREPROCESSOR}: Whisper feature extractor")),
        ({"model_type": "llama"}, {}, "a/My-Whisper", (Backend.MLX_AUDIO, "name: a/My-Whisper")),
        ({"model_type": "llama"}, {}, "whisper/b", None),
        ({"model_type": "llama", "audio_config": None}, {}, "a/b", (Backend.MLX_VLM, "config.json: audio_config")),
        ({"model_type": "llama"}, {}, "a/b", None),
    ],
)  # fmt: skip
def test_the_library_for_sound_is_decided_in_order(
    config: dict[str, object], documents: dict[str, Any], name: str, expected: tuple[Backend, str] | None
) -> None:
    assert audio_backend(located(name), manifest(config, documents=documents)) == expected


@pytest.mark.parametrize(
    ("name", "kind", "translates"),
    [
        ("a/whisper-large-v3", "whisper", True),
        ("a/whisper-small.en", "whisper", False),
        ("a/Whisper-Tiny.EN-mlx", "whisper", False),
        ("a/whisper-small.english", "whisper", True),
        ("a/whisper-large-v3-turbo", "whisper", False),
        ("a/voxtral", "voxtral", False),
    ],
)
def test_whole_whisper_models_translate(name: str, kind: str, translates: bool) -> None:
    assert translates_to_english(located(name), manifest({"model_type": kind})) is translates


CAUSAL = ["LlamaForCausalLM"]


@pytest.mark.parametrize(
    ("config", "name", "files", "expected"),
    [
        ({"model_type": "qwen3"}, "a/Embed-1", (), Embedder(EmbedderKind.DECODER, "name: a/Embed-1")),
        ({"model_type": "mistral"}, "a/embedding", (), Embedder(EmbedderKind.DECODER, "name: a/embedding")),
        (
            {"model_type": "llama", "architectures": CAUSAL}, "a/embed", (),
            Embedder(EmbedderKind.DECODER, "name: a/embed"),
        ),
        ({"model_type": "llama"}, "a/embed", (), None),
        ({"model_type": "qwen3"}, "a/embedded", (), None),
        ({"model_type": "gemma3_text", "architectures": CAUSAL}, "a/embed", (), None),
        (
            {"model_type": "gemma3_text", "architectures": CAUSAL}, "a/embed", ("modules.json",),
            Embedder(EmbedderKind.DECODER, "modules.json"),
        ),
        ({"model_type": "bert"}, "a/b", (), Embedder(EmbedderKind.ENCODER, "config.json: model_type bert")),
        ({"model_type": "modernbert"}, "a/b", (), Embedder(EmbedderKind.ENCODER, "config.json: model_type modernbert")),
        (
            {"model_type": "x"}, "a/b", ("1_Pooling/config.json",),
            Embedder(EmbedderKind.ENCODER, "1_Pooling/config.json"),
        ),
        (
            {"model_type": "x"}, "a/b", ("config_sentence_transformers.json",),
            Embedder(EmbedderKind.ENCODER, "config_sentence_transformers.json"),
        ),
        ({"model_type": "x"}, "a/b", (), None),
    ],
)  # fmt: skip
def test_an_embedder_is_known_by_its_config_and_files(
    config: dict[str, object], name: str, files: tuple[str, ...], expected: Embedder | None
) -> None:
    assert classify_embedder(located(name), manifest(config, files=files)) == expected


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        ({"architectures": ["YForSequenceClassification"]}, "a", f"config.json: architectures Y{CLASSIFIES}"),
        ({"model_type": "qwen3", "architectures": CAUSAL}, "a/ReRanker", "name: a/ReRanker"),
        ({"model_type": "qwen3"}, "a/reranker", None),
        ({"model_type": "llama", "architectures": CAUSAL}, "a/reranker", None),
        ({"model_type": "qwen3", "architectures": CAUSAL}, "a/b", None),
    ],
)  # fmt: skip
def test_a_reranker_is_known_by_its_head_or_its_name(
    config: dict[str, object], name: str, expected: str | None
) -> None:
    assert rerank_evidence(located(name), manifest(config)) == expected


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"num_labels": 1}, 1),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, 3),
        ({"num_labels": True, "id2label": {"0": "a"}}, 1),
        ({"num_labels": 5, "id2label": {"0": "a"}}, 5),
        ({"num_labels": "5"}, 2),
        ({}, 2),
    ],
)
def test_labels_are_counted_as_transformers_counts_them(config: dict[str, object], count: int) -> None:
    assert label_count(config) == count


TEMPLATE = TemplateFacts("chat_template.jinja", tools=False, reasoning=False)


@pytest.mark.parametrize(
    ("config", "name", "template", "evidence"),
    [
        ({"model_type": "chat"}, "a/b", None, "config.json: model_type chat"),
        ({"model_type": "llava"}, "a/b", None, "config.json: model_type llava"),
        ({"model_type": "llama"}, "a/b-Chat", TEMPLATE, "chat_template.jinja: chat template"),
        ({"model_type": "llama"}, "a/b-INSTRUCT-chat", None, "name: instruct"),
        ({"model_type": "llama"}, "a/b-Chat", None, "name: chat"),
        ({"model_type": "llama"}, "a/b", None, None),
    ],
)
def test_a_model_that_chats_shows_it_somewhere(
    config: dict[str, object], name: str, template: TemplateFacts | None, evidence: str | None
) -> None:
    assert chat_evidence(located(name), manifest(config, template=template)) == evidence


@pytest.mark.parametrize(
    ("config", "name", "capabilities", "label", "backend"),
    [
        (
            {"model_type": "llama"}, "a/b", {Capability.TEXT_GENERATION: "config.json: model_type llama"},
            (TypeLabel.BASE, "no chat template"), (Backend.MLX_LM, "text only"),
        ),
        (
            {"hidden_size": 1}, "a/b-chat",
            {Capability.TEXT_GENERATION: "config.json: nothing else", Capability.CHAT: "name: chat"},
            (TypeLabel.CHAT, "name: chat"), (Backend.MLX_LM, "text only"),
        ),
        (
            {"model_type": "x", **EYES, **EARS}, "a/b",
            {
                Capability.TEXT_GENERATION: "config.json: model_type x",
                Capability.VISION: "config.json: vision_config",
                Capability.AUDIO: "config.json: audio_config",
            },
            (TypeLabel.BASE, "no chat template"),
            (Backend.MLX_VLM, "config.json: audio_config and vision_config"),
        ),
        (
            {"model_type": "x", **EYES}, "a/b",
            {Capability.TEXT_GENERATION: "config.json: model_type x", Capability.VISION: "config.json: vision_config"},
            (TypeLabel.BASE, "no chat template"), (Backend.MLX_VLM, "config.json: vision_config"),
        ),
        (
            {"model_type": "whisper"}, "a/whisper-small",
            {
                Capability.AUDIO: "config.json: model_type whisper",
                Capability.AUDIO_TRANSLATE_EN: "multilingual Whisper",
            },
            (TypeLabel.AUDIO, "config.json: model_type whisper"),
            (Backend.MLX_AUDIO, "speech-to-text model_type whisper"),
        ),
        (
            {"model_type": "kokoro"}, "a/b", {Capability.SPEECH: "config.json: model_type kokoro"},
            (TypeLabel.AUDIO, "config.json: model_type kokoro"),
            (Backend.MLX_AUDIO, "config.json: model_type kokoro"),
        ),
        (
            {"model_type": "bert"}, "a/b", {Capability.EMBEDDINGS: "config.json: model_type bert"},
            (TypeLabel.EMBEDDING, "config.json: model_type bert"),
            (Backend.MLX_VLM, "config.json: model_type bert"),
        ),
        (
            {"model_type": "qwen3", "architectures": CAUSAL}, "a/reranker-embed",
            {Capability.RERANK: "name: a/reranker-embed"},
            (TypeLabel.EMBEDDING, "name: a/reranker-embed"), (Backend.MLX_LM, "name: a/reranker-embed"),
        ),
        (
            {"model_type": "bert", "architectures": ["XForSequenceClassification"]}, "a/b",
            {Capability.RERANK: "config.json: architectures XForSequenceClassification"},
            (TypeLabel.EMBEDDING, "config.json: architectures XForSequenceClassification"),
            (Backend.MLX_VLM, "config.json: architectures XForSequenceClassification"),
        ),
    ],
)  # fmt: skip
def test_a_profile_says_what_a_model_does_and_who_does_it(
    config: dict[str, object],
    name: str,
    capabilities: dict[Capability, str],
    label: tuple[TypeLabel, str],
    backend: tuple[Backend, str],
) -> None:
    profile = probe(located(name), manifest(config))
    assert profile.capabilities == capabilities
    assert list(profile.capabilities) == list(capabilities)
    assert (profile.label, profile.label_evidence) == label
    assert (profile.backend, profile.backend_evidence) == backend
    assert profile.architecture == config.get("model_type", "")


def test_a_template_shows_tools_and_reasoning() -> None:
    both = manifest(template=TemplateFacts("t.jinja", tools=True, reasoning=True))
    found = probe(located(), both).capabilities
    assert found[Capability.TOOLS] == "t.jinja: chat template with tools"
    assert found[Capability.REASONING] == "t.jinja: chat template with reasoning"
    assert not {Capability.TOOLS, Capability.REASONING} & set(
        probe(located(), manifest(template=TEMPLATE)).capabilities
    )


def test_speech_is_also_what_a_card_says_it_is() -> None:
    said = manifest({"model_type": "own"}, readme=ReadmeFacts(pipeline_tag="text-to-speech"))
    assert probe(located(), said).capabilities == {Capability.SPEECH: "README.md: pipeline_tag text-to-speech"}


def test_a_report_holds_every_judgement_under_its_own_name() -> None:
    config = {"model_type": "llama", "max_position_embeddings": 99, "quantization": {"bits": 4}}
    facts = WorkspaceFacts("org/Origin", "sha256:1", "2026-01-01T00:00:00Z")
    entries = (FileEntry("config.json", 7, 3_000, 3_000, 1), FileEntry("model.safetensors", 10, 5_000_000_000, 1, 2))
    found = manifest(
        config,
        weights=[weight(size_bytes=10)],
        listing=FolderListing(entries),
        workspace=facts,
        findings=("odd",),
        template=TEMPLATE,
    )
    libraries = InstalledLibraries(text=TypeTable(frozenset({"llama"})))
    report = judge(located("home/mine", ModelSource.WORKSPACE), found, libraries)
    assert (report.size_bytes, report.weights_bytes, report.last_modified) == (17, 10, utc_from_ns(5_000_000_000))
    assert (report.framework, report.model_type, report.architecture) == ("MLX", "chat", "llama")
    assert report.capabilities == ("text-generation", "chat")
    assert (report.healthy, report.health_reason) == (True, "Model is healthy")
    assert (report.runtime_compatible, report.reason, report.backend, report.dropped) == (True, None, "mlx-lm", {})
    assert (report.context_length, report.display_name, report.origin) == (99, "mine", "org/Origin")
    assert (report.content_hash, report.hash_modified, report.managed) == ("sha256:1", "2026-01-01T00:00:00Z", True)
    assert report.findings == ("odd",)
    assert report.evidence == {
        "framework": "config.json: quantization",
        "model_type": "chat_template.jinja: chat template",
        "backend": "text only",
        "text-generation": "config.json: model_type llama",
        "chat": "chat_template.jinja: chat template",
    }


def test_what_only_workspaces_have_is_none_elsewhere() -> None:
    nowhere = InstalledLibraries()
    cached = judge(located(), manifest(), nowhere)
    assert (cached.display_name, cached.origin, cached.managed, cached.content_hash, cached.hash_modified) == (
        None,
    ) * 5
    assert (cached.backend, cached.dropped) == (None, {"text-generation": cached.reason})
    assert judge(located(source=ModelSource.WORKSPACE), manifest(), nowhere).managed is False
    assert judge(located(), manifest({"model_type": "bert"}), nowhere).context_length is None
    assert judge(located(), manifest(JsonState.INVALID), nowhere).context_length is None


@pytest.mark.parametrize(
    ("name", "holds"),
    [
        ("a.safetensors", True), ("below/a.bin", True), ("a.gguf", True), ("weights.npz", True),
        ("below/weights.1.npz", True), ("other.npz", False), ("training_args.bin", False),
        ("below/optimizer.bin", False), ("scheduler.bin", False), ("a.txt", False), ("weights.txt", False),
    ],
)  # fmt: skip
def test_weight_files_are_known_by_their_names(name: str, holds: bool) -> None:
    assert is_weight_file(name) is holds


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", ("a",)), ("", ()), (["a", "", 7, "b"], ("a", "b")), (("a",), ("a",)), (7, ()), (None, ())],
)
def test_texts_are_taken_from_what_should_hold_them(value: object, found: tuple[str, ...]) -> None:
    assert texts(value) == found


def test_a_listing_counts_a_shared_blob_once_and_takes_the_newest_time() -> None:
    entries = (
        FileEntry("below/a", 7, 5, 9, 1), FileEntry("b", 7, 6, 1, 1), FileEntry("c", 2, 8, 3, 2),
    )  # fmt: skip
    listing = FolderListing(entries, folder_modified_ns=4)
    assert (listing.size_bytes, listing.modified_ns, listing.changed_ns) == (9, 8, 9)
    assert (FolderListing((), folder_modified_ns=4).modified_ns, FolderListing(()).changed_ns) == (4, 0)
    assert ([each.name for each in entries], [each.in_root for each in entries]) == (
        ["a", "b", "c"],
        [False, True, True],
    )


def test_times_outside_the_calendar_are_the_epoch() -> None:
    assert utc_from_ns(10**30).isoformat() == "1970-01-01T00:00:00+00:00"
    assert utc_from_ns(1_500_000).isoformat() == "1970-01-01T00:00:00.001500+00:00"


def test_two_models_are_told_apart_by_folder_and_store() -> None:
    cached, own = located("a/b"), located("a/b", ModelSource.WORKSPACE)
    assert (cached.identity, own.identity) == ("/models/a/b", "/models/a/b")
    assert (cached.key, own.key) == ("cache /models/a/b", "workspace /models/a/b")
