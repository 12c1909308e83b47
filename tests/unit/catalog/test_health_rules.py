"""Is a model complete and sound? One rule, one complaint; the first decides."""

from __future__ import annotations

from typing import Any

import pytest

from domain.catalog.health import Health, judge_health
from domain.catalog.health_fault import listed
from domain.catalog.listing import FileEntry, FolderListing
from domain.catalog.manifest import (
    CONFIG,
    PREPROCESSOR,
    PROCESSOR,
    PYTORCH_INDEX,
    SAFETENSORS_INDEX,
    TOKENIZER,
    TOKENIZER_CONFIG,
    JsonState,
    ModelManifest,
    ShardIndex,
    WeightState,
)
from tests.support.manifest_kit import manifest, weight

SHARDS = ("model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors")
SEES: dict[str, object] = {"model_type": "llava", "vision_config": {"depth": 1}}
SPEAKS = {TOKENIZER_CONFIG: {"a": 1}}


def indexed(*here: str, names: tuple[str, ...] = SHARDS, name: str = SAFETENSORS_INDEX, **more: Any) -> ModelManifest:
    return manifest(weights=here, indexes={name: ShardIndex(JsonState.OBJECT, names)}, **more)


def complaint(of: ModelManifest) -> str:
    health = judge_health(of)
    assert not health.healthy
    return health.reason


def test_a_plain_model_and_a_sharded_one_are_healthy_each_in_its_words() -> None:
    assert judge_health(manifest()) == Health(healthy=True, reason="Model is healthy")
    assert judge_health(indexed(*SHARDS)) == Health(healthy=True, reason="Multi-file model complete")


def test_an_index_counts_only_where_weights_of_its_kind_lie() -> None:
    other = manifest(indexes={PYTORCH_INDEX: ShardIndex(JsonState.OBJECT, ("pytorch_model-1.bin",))})
    assert judge_health(other).reason == "Model is healthy"
    bins = indexed("a.bin", names=("a.bin",), name=PYTORCH_INDEX)
    assert judge_health(bins).reason == "Multi-file model complete"


def test_a_folder_that_cannot_be_read_is_the_first_complaint() -> None:
    gone = manifest(JsonState.MISSING, listing=FolderListing((), problem="No snapshots found"))
    assert complaint(gone) == "No snapshots found"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (JsonState.MISSING, "config.json missing"),
        ({}, "config.json is empty or invalid"),
        (JsonState.OBJECT, "config.json is empty or invalid"),
        (JsonState.NOT_OBJECT, "config.json is empty or invalid"),
        (JsonState.INVALID, "config.json contains invalid JSON"),
        (JsonState.UNREADABLE, "config.json cannot be read: no rights"),
        (JsonState.TOO_LARGE, "config.json cannot be read: no room in the head"),
    ],
)
def test_a_model_without_a_config_says_what_is_wrong_with_it(config: Any, reason: str) -> None:
    assert complaint(manifest(config)) == reason


@pytest.mark.parametrize(
    ("reason", "sick"),
    [
        ("Invalid index file", manifest(indexes={SAFETENSORS_INDEX: ShardIndex(JsonState.INVALID)})),
        ("Empty or invalid weight_map in index", manifest(indexes={SAFETENSORS_INDEX: ShardIndex(JsonState.OBJECT)})),
        (f"Missing weight shards: {SHARDS[1]}, {SHARDS[2]}", indexed(SHARDS[0])),
        (f"Missing weight shards: {SHARDS[2]}", indexed(*SHARDS[:2], "consolidated.safetensors")),
        (f"Missing weight shards: {SHARDS[2]}", indexed(*SHARDS[:2], "adapters.safetensors")),
        (f"Missing weight shards: {SHARDS[2]}", indexed(*SHARDS[:2], "below/other.safetensors")),
        (f"Missing weight shards: {SHARDS[2]}", indexed(*SHARDS[:2], "other.gguf")),
        (
            "Index/shard mismatch (mlx-vlm #624). Index references 3 shards but found 2 different files. "
            "Fix: mlxk convert <model> <output> --repair-index",
            indexed("a.safetensors", "b.safetensors"),
        ),
        (
            f"Empty weight shards: {SHARDS[0]}",
            manifest(
                weights=[weight(SHARDS[0], WeightState.EMPTY), *SHARDS[1:]],
                indexes={SAFETENSORS_INDEX: ShardIndex(JsonState.OBJECT, SHARDS)},
            ),
        ),
        (
            f"LFS pointers instead of files: {SHARDS[0]}",
            manifest(
                weights=[weight(SHARDS[0], WeightState.LFS_POINTER), *SHARDS[1:]],
                indexes={SAFETENSORS_INDEX: ShardIndex(JsonState.OBJECT, SHARDS)},
            ),
        ),
        (
            "Inconsistent shard totals detected",
            manifest(weights=(SHARDS[0], "model-00002-of-00004.safetensors")),
        ),
        ("Missing shards by pattern: 2/3 present", manifest(weights=SHARDS[:2])),
        ("Missing shards by pattern: 0/1 present", manifest(weights=("model-00002-of-00001.safetensors",))),
        ("Safetensors index missing for sharded model", manifest(weights=SHARDS)),
        ("No model weights found", manifest(weights=())),
        (f"Empty shards: {SHARDS[0]}", manifest(weights=[weight(SHARDS[0], WeightState.EMPTY), *SHARDS[1:]])),
        ("Empty weight files: model.safetensors", manifest(weights=[weight(state=WeightState.EMPTY)])),
        (
            "LFS pointers instead of files: below/b.safetensors",
            manifest(weights=["a.safetensors", weight("below/b.safetensors", WeightState.LFS_POINTER)]),
        ),
        ("Weight files cannot be read: model.safetensors", manifest(weights=[weight(state=WeightState.UNREADABLE)])),
        (
            "Damaged weight file header: model.safetensors (8 of 9)",
            manifest(weights=[weight(state=WeightState.BAD_HEADER, detail="8 of 9")]),
        ),
        (
            "Weight file length does not match its header: model.safetensors (1 short)",
            manifest(weights=[weight(state=WeightState.WRONG_LENGTH, detail="1 short")]),
        ),
        ("Partial download marker detected", manifest(files=["below/a.PARTIAL.bin"])),
        ("Partial download marker detected", manifest(files=["a.tmp"])),
        ("Partial download marker detected", indexed(*SHARDS, files=["partial_1"])),
    ],
)
def test_weights_that_are_not_whole_are_named(reason: str, sick: ModelManifest) -> None:
    assert complaint(sick) == reason


def test_a_folder_called_partial_is_no_marker() -> None:
    assert judge_health(manifest(files=["partial/readme.md", "tmp"])).healthy


def test_what_lies_below_is_the_model_only_where_nothing_lies_in_the_root() -> None:
    assert judge_health(manifest(weights=["a.safetensors", weight("sub/b.safetensors", WeightState.EMPTY)])).healthy
    assert not judge_health(manifest(weights=[weight("sub/b.safetensors", WeightState.EMPTY)])).healthy


def test_a_shard_of_an_index_that_no_one_names_is_not_looked_at() -> None:
    extra = weight("consolidated.safetensors", WeightState.WRONG_LENGTH)
    whole = manifest(weights=[*SHARDS, extra], indexes={SAFETENSORS_INDEX: ShardIndex(JsonState.OBJECT, SHARDS)})
    assert judge_health(whole).healthy


def test_what_is_absent_beside_a_partial_file_is_an_unfinished_download() -> None:
    assert complaint(indexed(SHARDS[0], incomplete_downloads=1)).startswith(
        "Incomplete download: Missing weight shards: "
    )
    assert complaint(indexed("x.safetensors", incomplete_downloads=1)).startswith("Incomplete download: ")
    assert complaint(manifest(weights=(), incomplete_downloads=2)) == "Incomplete download: No model weights found"
    damaged = manifest(weights=[weight(state=WeightState.EMPTY)], incomplete_downloads=1)
    assert complaint(damaged) == "Empty weight files: model.safetensors"


@pytest.mark.parametrize(
    ("config", "documents", "reason"),
    [
        (SEES, {}, "Vision model missing preprocessor_config.json or processor_config.json"),
        (SEES, {PREPROCESSOR: {}}, "preprocessor_config.json invalid"),
        (SEES, {PREPROCESSOR: JsonState.NOT_OBJECT}, "preprocessor_config.json invalid"),
        (SEES, {PREPROCESSOR: JsonState.INVALID}, "preprocessor_config.json invalid JSON"),
        (SEES, {PREPROCESSOR: JsonState.UNREADABLE}, "preprocessor_config.json cannot be read: no rights"),
        (SEES, {PREPROCESSOR: {"a": 1}, PROCESSOR: JsonState.INVALID}, "processor_config.json invalid JSON"),
        (
            SEES, {PREPROCESSOR: {"a": 1}, PROCESSOR: JsonState.TOO_LARGE},
            "processor_config.json cannot be read: no room in the head",
        ),
        (None, {TOKENIZER_CONFIG: {}}, "tokenizer_config.json exists but invalid"),
        (None, {TOKENIZER_CONFIG: JsonState.NOT_OBJECT}, "tokenizer_config.json exists but invalid"),
        (None, {TOKENIZER_CONFIG: JsonState.INVALID}, "tokenizer_config.json contains invalid JSON"),
        (None, {TOKENIZER_CONFIG: JsonState.UNREADABLE}, "tokenizer_config.json cannot be read: no rights"),
        (
            None, {TOKENIZER_CONFIG: JsonState.TOO_LARGE},
            "tokenizer_config.json cannot be read: no room in the head",
        ),
        (None, SPEAKS, "tokenizer_config.json present but tokenizer.json missing"),
    ],
)  # fmt: skip
def test_what_stands_beside_the_weights_is_judged_too(config: Any, documents: dict[str, Any], reason: str) -> None:
    assert complaint(manifest(config, documents=documents)) == reason


@pytest.mark.parametrize("documents", [{PREPROCESSOR: {"a": 1}}, {PROCESSOR: {"a": 1}}])
def test_either_processor_file_will_do(documents: dict[str, Any]) -> None:
    assert judge_health(manifest(SEES, documents=documents)).healthy


def test_settings_of_pictures_may_stand_in_the_config() -> None:
    for key in ("preprocessor_config", "processor_config", "image_processor"):
        assert judge_health(manifest({**SEES, key: {"size": 1}})).healthy


def test_a_model_of_text_may_have_a_broken_processor() -> None:
    """Nobody reads it. One for pictures would show that the model sees: so this one is for sound."""
    broken = manifest(documents={PREPROCESSOR: {"sampling_rate": 1}, PROCESSOR: JsonState.MISSING})
    assert judge_health(broken).healthy


@pytest.mark.parametrize(
    "vocabulary",
    [
        TOKENIZER, "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "vocab.json",
        "tekken.json", "qwen.tiktoken", "some.spm", "own.model",
    ],
)  # fmt: skip
def test_any_vocabulary_makes_a_tokenizer_whole(vocabulary: str) -> None:
    assert judge_health(manifest(documents=SPEAKS, files=[vocabulary])).healthy


def test_a_vocabulary_counts_only_in_the_root_and_whole() -> None:
    assert not judge_health(manifest(documents=SPEAKS, files=["below/own.model"])).healthy
    names = (CONFIG, TOKENIZER_CONFIG, "model.safetensors")
    entries = [FileEntry(name, 1, 1, 1, number) for number, name in enumerate(names)]
    dangling = FileEntry("own.model", 0, 0, 0, 9, "dangling link")
    listing = FolderListing((*entries, dangling))
    assert not judge_health(manifest(documents=SPEAKS, listing=listing)).healthy


@pytest.mark.parametrize(("count", "rest"), [(10, ""), (11, " and 1 more"), (13, " and 3 more")])
def test_a_reason_names_ten_files_at_most(count: int, rest: str) -> None:
    names = [f"{number:02}" for number in range(count)]
    assert listed(reversed(names)) == ", ".join(names[:10]) + rest
