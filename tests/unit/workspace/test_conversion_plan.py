"""What a conversion is asked to do: options that go together, the library that does it, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from domain.catalog.backend import Backend
from domain.catalog.listing import FolderListing
from domain.catalog.manifest import CONFIG, JsonDocument, JsonState, ModelManifest
from domain.errors import InvalidRequest, ModelNotRunnable, UnsupportedMultimodal
from domain.workspace.conversion import (
    DTYPES,
    VERIFIED_VISION,
    ConversionPlan,
    ConversionWish,
    ConvertMode,
    Quantization,
    forecast,
    library_for,
    present_bits,
)
from domain.workspace.shard_index import Tensor

RECIPES = ("mixed_2_6", "mixed_3_4")


def manifest(**config: object) -> ModelManifest:
    return ModelManifest(FolderListing(()), documents={CONFIG: JsonDocument(JsonState.OBJECT, config)})


@pytest.mark.parametrize(
    ("wish", "plan"),
    [
        ({}, ConversionPlan(ConvertMode.CAST)),
        ({"dtype": "float16"}, ConversionPlan(ConvertMode.CAST, None, "float16")),
        ({"repair_index": True}, ConversionPlan(ConvertMode.REPAIR_INDEX)),
        ({"dequantize": True}, ConversionPlan(ConvertMode.DEQUANTIZE)),
        ({"dequantize": True, "dtype": "bfloat16"}, ConversionPlan(ConvertMode.DEQUANTIZE, None, "bfloat16")),
        ({"bits": 4}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 64))),
        ({"bits": 2, "group_size": 32}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(2, 32))),
        ({"bits": 8, "dtype": "float32"}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(8, 64), "float32")),
        ({"q_mode": "affine"}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 64, "affine"))),
        ({"q_mode": "mxfp4"}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 32, "mxfp4"))),
        ({"q_mode": "nvfp4", "bits": 4}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 16, "nvfp4"))),
        ({"q_mode": "mxfp8", "group_size": 32}, ConversionPlan(ConvertMode.QUANTIZE, Quantization(8, 32, "mxfp8"))),
        (
            {"recipe": "mixed_2_6", "group_size": 128},
            ConversionPlan(ConvertMode.QUANTIZE, Quantization(2, 128, "affine", "mixed_2_6")),
        ),
        (
            {"recipe": "mixed_3_4", "bits": 3},
            ConversionPlan(ConvertMode.QUANTIZE, Quantization(3, 64, "affine", "mixed_3_4")),
        ),
    ],
)
def test_options_that_go_together_make_a_plan(wish: dict[str, Any], plan: ConversionPlan) -> None:
    assert ConversionWish(**wish).plan(RECIPES) == plan


@pytest.mark.parametrize(
    ("wish", "message", "hint"),
    [
        (
            {"repair_index": True, "bits": 4},
            "--repair-index and --quantize do not go together", "choose one of them",
        ),
        (
            {"q_mode": "mxfp4", "dequantize": True},
            "--quantize and --dequantize do not go together", "choose one of them",
        ),
        (
            {"recipe": "mixed_2_6", "dequantize": True},
            "--quantize and --dequantize do not go together", "choose one of them",
        ),
        ({"dtype": "int8"}, "--dtype int8 is unknown", "choose one of float16, bfloat16, float32"),
        (
            {"repair_index": True, "dtype": "float16"},
            "--repair-index changes no weights, so --dtype means nothing", "leave one of them out",
        ),
        ({"group_size": 32}, "--q-group-size needs --quantize", "say how many bits: --quantize 4"),
        ({"dequantize": True, "group_size": 32}, "--q-group-size needs --quantize", "say how many bits: --quantize 4"),
        (
            {"q_mode": "nvfp4", "bits": 8},
            "--q-mode nvfp4 means 4 bits in groups of 16", "leave the other options out",
        ),
        (
            {"q_mode": "nvfp4", "group_size": 32},
            "--q-mode nvfp4 means 4 bits in groups of 16", "leave the other options out",
        ),
        (
            {"q_mode": "mxfp8", "recipe": "mixed_2_6"},
            "--q-mode mxfp8 means 8 bits in groups of 32", "leave the other options out",
        ),
        ({"q_mode": "int4"}, "--q-mode int4 is unknown", "choose one of affine, mxfp4, nvfp4, mxfp8"),
        ({"bits": 4, "group_size": 48}, "--q-group-size 48 is not possible", "choose one of 32, 64, 128"),
        ({"bits": 5}, "--quantize 5 is not possible", "choose one of 2, 3, 4, 6, 8"),
        ({"recipe": "mixed_9"}, "there is no recipe 'mixed_9'", "the installed mlx-lm offers mixed_2_6, mixed_3_4"),
        (
            {"recipe": "mixed_2_6", "bits": 6},
            "--q-recipe mixed_2_6 already says how many bits", "leave --quantize out",
        ),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused_by_their_names(
    wish: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        ConversionWish(**wish).plan(RECIPES)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize("kind", VERIFIED_VISION)
def test_a_verified_vision_model_is_converted_by_mlx_vlm(kind: str) -> None:
    assert library_for(manifest(model_type=kind, vision_config={"depth": 1}), "quantize") is Backend.MLX_VLM


def test_a_model_of_text_is_converted_by_mlx_lm() -> None:
    assert library_for(manifest(model_type="llama", vision_config={}), "quantize") is Backend.MLX_LM


@pytest.mark.parametrize("kind", ["whisper", "vibevoice", "voxtral"])
def test_speech_models_are_refused_with_what_was_asked_of_them(kind: str) -> None:
    with pytest.raises(ModelNotRunnable) as caught:
        library_for(manifest(model_type=kind), "dequantize")
    assert kind in caught.value.message
    assert "no dequantize for speech" in caught.value.message
    assert caught.value.hint == "look for a converted one: `mlxk search`"
    assert caught.value.param == "source"


def test_senses_that_nobody_verified_are_named() -> None:
    config = {"model_type": "omni", "vision_config": {"a": 1}, "audio_config": {"b": 2}}
    with pytest.raises(UnsupportedMultimodal) as caught:
        library_for(manifest(**config), "quantize")
    assert caught.value.message == (
        "quantize is not verified for models of type 'omni' with vision_config and audio_config"
    )
    assert ", ".join(VERIFIED_VISION) in str(caught.value.hint)
    assert caught.value.param == "source"
    assert caught.value.detail == {
        "model_type": "omni", "operation": "quantize", "verified_types": list(VERIFIED_VISION),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("config", "bits"),
    [
        ({"quantization": {"bits": 4}}, 4),
        ({"quantization_config": {"bits": 8}}, 8),
        ({"quantization": {"bits": 4}, "quantization_config": {"bits": 8}}, 4),
        ({"quantization": {"bits": "4"}}, None),
        ({}, None),
    ],
)
def test_the_bits_of_now_stand_in_either_section(config: dict[str, object], bits: int | None) -> None:
    assert present_bits(config) == bits


MATRIX = Tensor("F32", (128, 256))
ELEMENTS = 128 * 256


def after(plan: ConversionPlan, tensors: Mapping[str, Tensor], config: Mapping[str, object] | None = None) -> int:
    return forecast(tensors, plan, config or {}).disk_bytes


@pytest.mark.parametrize(("dtype", "width"), [("float16", 2), ("bfloat16", 2), ("float32", 4), (None, 4)])
def test_a_cast_takes_the_width_of_its_type(dtype: str | None, width: int) -> None:
    assert set(DTYPES) == {"float16", "bfloat16", "float32"}
    plan = ConversionPlan(ConvertMode.CAST, None, dtype)
    assert after(plan, {"a.weight": MATRIX}) == ELEMENTS * width


def test_a_cast_leaves_whole_numbers_as_they_are() -> None:
    plan = ConversionPlan(ConvertMode.CAST, None, "float16")
    assert after(plan, {"a.weight": Tensor("U32", (128, 256))}) == ELEMENTS * 4


def test_mlx_makes_single_precision_of_double() -> None:
    assert after(ConversionPlan(ConvertMode.CAST), {"a.weight": Tensor("F64", (8, 8))}) == 64 * 4


@pytest.mark.parametrize(
    ("quantization", "beside_a_group"),
    [(Quantization(4, 64), 8), (Quantization(3, 32), 8), (Quantization(4, 32, "mxfp4"), 1)],
)
def test_a_quantised_matrix_has_its_bits_and_something_beside_each_group(
    quantization: Quantization, beside_a_group: int
) -> None:
    """Scale and bias of the type that is kept, here of four bytes; the other modes have a byte."""
    plan = ConversionPlan(ConvertMode.QUANTIZE, quantization)
    groups = ELEMENTS // quantization.group_size
    assert after(plan, {"a.weight": MATRIX}) == ELEMENTS * quantization.bits // 8 + groups * beside_a_group


def test_the_last_dimension_is_what_is_cut_into_groups() -> None:
    plan = ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 64), "float16")
    assert after(plan, {"a.weight": Tensor("F32", (3, 100, 64))}) == 3 * 100 * (64 // 2 + 4)
    assert after(plan, {"a.weight": Tensor("F32", (3, 64, 100))}) == 3 * 64 * 100 * 2


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("a.bias", MATRIX),
        ("weight_of_a", MATRIX),
        ("a.weight", Tensor("F32", (ELEMENTS,))),
        ("a.weight", Tensor("F32", (64, 512 - 8, 1))),
        ("a.weight", Tensor("F32", (256, 100))),
    ],
)
def test_what_cannot_be_quantised_stays_wide(name: str, tensor: Tensor) -> None:
    plan = ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 64), "float16")
    assert after(plan, {name: tensor}) == tensor.elements * 2


def test_whole_numbers_are_not_quantised() -> None:
    plan = ConversionPlan(ConvertMode.QUANTIZE, Quantization(4, 64))
    assert after(plan, {"a.weight": Tensor("U32", (128, 256))}) == ELEMENTS * 4


@pytest.mark.parametrize(
    ("config", "bits"), [({"quantization": {"bits": 8}}, 8), ({"quantization": {"bits": 0}}, 4), ({}, 4)]
)
def test_dequantising_unfolds_the_packed_words_and_drops_what_stood_beside(
    config: dict[str, object], bits: int
) -> None:
    packed, scales = Tensor("U32", (128, 32)), Tensor("F16", (128, 4))
    plan = ConversionPlan(ConvertMode.DEQUANTIZE)
    tensors = {"a.weight": packed, "a.scales": scales, "a.biases": scales, "norm.weight": Tensor("F32", (10,))}
    size = after(plan, tensors, config)
    assert size == 128 * 32 * 32 // bits * 2 + 40


def test_repairing_an_index_changes_no_size() -> None:
    plan = ConversionPlan(ConvertMode.REPAIR_INDEX)
    assert after(plan, {"a.weight": Tensor("U32", (4, 4)), "a.scales": Tensor("F16", (4, 1))}) == 64 + 8


def test_the_memory_holds_the_result_and_twice_the_largest_tensor() -> None:
    plan = ConversionPlan(ConvertMode.CAST, None, "float16")
    small, large = Tensor("F32", (4, 4)), Tensor("F32", (16, 4))
    found = forecast({"a.weight": small, "b.weight": large, "c.weight": small}, plan, {})
    assert found.disk_bytes == 2 * (16 + 64 + 16)
    assert found.memory_bytes == found.disk_bytes + 2 * (64 * 4)
    widened = forecast({"a.weight": Tensor("F16", (10, 10))}, ConversionPlan(ConvertMode.CAST, None, "float32"), {})
    assert widened.memory_bytes == 400 + 2 * 400
