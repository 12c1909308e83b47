"""Does a model run here? The first gate that complains gives the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from domain.catalog.backend import Backend
from domain.catalog.capability import Capability, probe
from domain.catalog.health import Health, judge_health
from domain.catalog.libraries import InstalledLibraries, TypeTable
from domain.catalog.manifest import TOKENIZER, ModelManifest, WeightState
from domain.catalog.runtime import RuntimeVerdict, judge_runtime
from tests.support.manifest_kit import located, manifest, weight

LIBRARIES = InstalledLibraries(
    text=TypeTable(frozenset({"llama", "qwen3", "both"})),
    vision=TypeTable(frozenset({"llava", "both"})),
    embedders=TypeTable(frozenset({"bert", "qwen3"})),
    rerankers=TypeTable(frozenset({"xlm-roberta"})),
    speech_to_text=TypeTable(frozenset({"whisper", "voxtral"})),
    text_to_speech=TypeTable(frozenset({"kokoro"})),
)
EYES: dict[str, object] = {"vision_config": {"depth": 1}, "preprocessor_config": {"size": 1}}
MLX = "mlx-community/Model"


def verdict(
    config: Mapping[str, object], name: str = MLX, libraries: InstalledLibraries = LIBRARIES, **facts: Any
) -> RuntimeVerdict:
    found: ModelManifest = manifest(config, **facts)
    return judge_runtime(judge_health(found), probe(located(name), found), found, libraries)


def runs(on: Backend) -> RuntimeVerdict:
    return RuntimeVerdict(compatible=True, reason=None, backend=on, dropped={})


def test_models_run_on_the_library_that_has_their_type() -> None:
    assert verdict({"model_type": "llama"}) == runs(Backend.MLX_LM)
    assert verdict({"model_type": "llava", **EYES}) == runs(Backend.MLX_VLM)
    assert verdict({"model_type": "bert"}) == runs(Backend.MLX_VLM)
    assert verdict({"model_type": "whisper"}) == runs(Backend.MLX_AUDIO)
    assert verdict({"model_type": "kokoro"}) == runs(Backend.MLX_AUDIO)
    judge = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
    assert verdict(judge, name="mlx-community/Qwen3-Reranker") == runs(Backend.MLX_LM)
    sorts = {"model_type": "xlm-roberta", "architectures": ["XForSequenceClassification"], "num_labels": 1}
    assert verdict(sorts) == runs(Backend.MLX_VLM)


def test_a_sick_model_runs_nowhere_for_the_reason_of_its_health() -> None:
    found = verdict({"model_type": "llama"}, weights=[weight(state=WeightState.EMPTY)])
    assert found.reason == "Empty weight files: model.safetensors"
    assert (found.compatible, found.backend) == (False, None)
    assert found.dropped == {Capability.TEXT_GENERATION: found.reason}


@pytest.mark.parametrize(
    ("config", "facts", "reason"),
    [
        ({"model_type": "llama"}, {"name": "org/Model"}, "Incompatible framework: PyTorch"),
        (
            {"model_type": "llama", "model_file": "m.py"}, {},
            "config.json asks to run the model's own code (model_file), which mlxk never does",
        ),
        ({"model_type": "llama"}, {"libraries": InstalledLibraries()}, "mlx-lm not installed"),
        ({"model_type": "unheard"}, {}, "model_type 'unheard' not supported by mlx-lm"),
        ({"hidden_size": 1}, {}, "config.json missing model_type field"),
        ({"model_type": "llama"}, {"weights": ["weights.00.safetensors"]}, "Legacy format not supported by mlx-lm"),
        ({"model_type": "llama"}, {"weights": ["weights.npz"]}, "Legacy format not supported by mlx-lm"),
        (
            {"model_type": "llama"}, {"weights": ["pytorch_model-1.safetensors"]},
            "Legacy format not supported by mlx-lm",
        ),
        ({"model_type": "llama"}, {"weights": ["other.safetensors"]}, "No model*.safetensors for mlx-lm"),
        ({"model_type": "llama"}, {"weights": ["below/model.safetensors"]}, "No model*.safetensors for mlx-lm"),
        ({"model_type": "unheard", **EYES}, {}, "model_type 'unheard' not supported by mlx-vlm"),
        ({"model_type": "unheard", **EYES}, {"libraries": InstalledLibraries()}, "mlx-vlm not installed"),
        ({**EYES}, {}, "config.json missing model_type field"),
        ({"model_type": "whisper"}, {"libraries": InstalledLibraries()}, "mlx-audio not installed"),
        ({"model_type": "whisper2"}, {}, "model_type 'whisper2' not supported by mlx-audio"),
        ({"model_type": "bark"}, {}, "model_type 'bark' not supported by mlx-audio"),
        (
            {"model_type": "kokoro"},
            {"libraries": InstalledLibraries(speech_to_text=TypeTable(frozenset({"kokoro"})))},
            "mlx-audio not installed",
        ),
        ({"model_type": "bert"}, {"libraries": InstalledLibraries()}, "mlx-vlm not installed"),
        (
            {"model_type": "nomic_bert"}, {},
            "Embedding encoder not supported: nomic_bert — use bge/e5 or Qwen3-Embedding",
        ),
        ({"hidden_size": 1}, {"files": ["modules.json"]}, "config.json missing model_type field"),
        (
            {"model_type": "xlm-roberta", "architectures": ["XForSequenceClassification"], "num_labels": 3}, {},
            "It sorts texts into 3 classes; a reranker has one number to say",
        ),
        (
            {"model_type": "bert", "architectures": ["XForSequenceClassification"], "num_labels": 1}, {},
            "Reranker not supported: bert — use bge-reranker or Qwen3-Reranker",
        ),
        (
            {"model_type": "bert", "architectures": ["XForSequenceClassification"], "num_labels": 1},
            {"libraries": InstalledLibraries()},
            "mlx-vlm not installed",
        ),
        (
            {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]},
            {"name": "mlx-community/Qwen3-Reranker", "libraries": InstalledLibraries()},
            "mlx-lm not installed",
        ),
    ],
)  # fmt: skip
def test_each_gate_has_its_reason(config: dict[str, object], facts: dict[str, Any], reason: str) -> None:
    found = verdict(config, **facts)
    assert (found.compatible, found.reason, found.backend) == (False, reason, None)
    assert set(found.dropped.values()) == {reason}


def test_a_model_that_sees_runs_as_text_where_only_mlx_lm_has_it() -> None:
    found = verdict({"model_type": "qwen3", "audio_config": {"a": 1}, **EYES}, name="mlx-community/M-Instruct")
    assert (found.compatible, found.reason, found.backend) == (True, None, Backend.MLX_LM)
    why = "model_type 'qwen3' not supported by mlx-vlm"
    assert found.dropped == {Capability.VISION: why, Capability.AUDIO: why}
    assert verdict({"model_type": "both", **EYES}) == runs(Backend.MLX_VLM)


def test_voxtral_needs_a_tokenizer_json() -> None:
    config: dict[str, object] = {"model_type": "voxtral"}
    found = verdict(config, files=["tekken.json"])
    assert found.reason == "Voxtral tokenizer needs tokenizer.json; this model has only tekken.json"
    assert verdict(config, files=["tekken.json", TOKENIZER]).compatible
    assert verdict(config).compatible
    assert verdict({"model_type": "whisper"}, files=["tekken.json"]).compatible


@pytest.mark.parametrize("name", ["model.safetensors", "model-00001-of-00001.safetensors", "model_q4.safetensors"])
def test_mlx_lm_loads_what_begins_with_model(name: str) -> None:
    found = manifest({"model_type": "llama"}, weights=[name])
    sound = Health(healthy=True, reason="")
    assert judge_runtime(sound, probe(located(MLX), found), found, LIBRARIES).compatible


def test_a_table_knows_renamed_types_architectures_and_case() -> None:
    table = TypeTable(
        frozenset({"a", "b"}), {"old": "a", "gone": "nowhere"}, {("a", "Arch"): "b", ("b", "Odd"): "nowhere"}
    )
    assert [table.module_for(kind) for kind in ("a", "old", "gone", "A", "c")] == ["a", "a", None, None, None]
    assert table.module_for("a", ("Other", "Arch")) == "b"
    assert table.module_for("a", ("Other",)) == "a"
    assert table.module_for("b", ("Odd",)) is None
    assert TypeTable(frozenset({"a"}), folds_case=True).module_for("A") == "a"
