"""What the doctor finds in a workspace, and the change that mends it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.workspace.diagnosis import (
    CHATML,
    IMAGE_PROCESSORS,
    LLAMA3,
    TEMPLATE_FILE,
    TEMPLATE_JSON,
    TOKENIZER,
    TOKENIZER_CONFIG,
    Finding,
    Patient,
    diagnose,
)
from domain.workspace.patch import FileChange
from domain.workspace.shard_index import INDEX, Shard, Tensor, build_index, index_is_right, loaded_shards

CONFIG, GENERATION = "config.json", "generation_config.json"
PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
TENSOR = Tensor("F16", (2, 3))
HALVES = (Shard("model-00001.safetensors", 20, {"b": TENSOR}), Shard("model-00002.safetensors", 30, {"a": TENSOR}))
RIGHT = {"metadata": {"total_size": 50}, "weight_map": {"a": HALVES[1].name, "b": HALVES[0].name}}


def patient(contents: dict[str, Any] | None = None, **more: Any) -> Patient:
    """contents: texts as they are, bytes too, anything else as JSON."""
    raw = {name: _raw(value) for name, value in (contents or {}).items()}
    names = frozenset({*raw, *more.pop("names", ())})
    problem = more.pop("problem", None)
    return Patient(raw, names, more.pop("shards", ()), lambda text: problem if "{%" in text else None, **more)


def _raw(value: Any) -> bytes:
    return value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()


def found(of: Patient) -> dict[str, Finding]:
    return {each.code: each for each in diagnose(of)}


def mended(finding: Finding, name: str) -> Any:
    """What the file holds afterwards."""
    (text,) = [each.after for each in finding.changes if each.path == name]
    assert text is not None
    return json.loads(text)


def tokens(**ids: Any) -> dict[str, Any]:
    return {"added_tokens": [{"content": text, "id": number} for text, number in ids.items()]}


def test_a_sound_workspace_has_no_findings() -> None:
    assert diagnose(patient({CONFIG: {"model_type": "llama"}, INDEX: RIGHT}, shards=HALVES)) == ()
    assert diagnose(patient()) == ()


def test_a_missing_index_is_built_and_a_wrong_one_replaced() -> None:
    missing = found(patient(shards=HALVES))["stale_index"]
    assert missing.message == f"{INDEX} is missing"
    assert mended(missing, INDEX) == RIGHT
    wrong = found(patient({INDEX: {"weight_map": {"a": "elsewhere"}}}, shards=HALVES))["stale_index"]
    assert wrong.message == f"{INDEX} does not say where the tensors lie"
    assert wrong.fixable


def test_an_index_of_a_single_file_goes_away() -> None:
    only = found(patient({INDEX: {"weight_map": {"x": "y"}}}, shards=HALVES[:1]))["stale_index"]
    assert only.changes == (FileChange(INDEX, _raw({"weight_map": {"x": "y"}}), None),)
    assert diagnose(patient(shards=HALVES[:1])) == ()


def test_shards_that_hold_the_same_tensor_cannot_be_mended() -> None:
    twice = found(patient(shards=(HALVES[0], Shard("model-2.safetensors", 1, {"b": TENSOR}))))["shards_overlap"]
    assert twice.message == f"the tensor b is in {HALVES[0].name} and in model-2.safetensors"
    assert not twice.fixable


def test_only_the_model_s_own_files_count_as_shards() -> None:
    other = Shard("consolidated.safetensors", 99, {"b": TENSOR})
    assert loaded_shards((other, HALVES[1], HALVES[0])) == HALVES
    assert loaded_shards((other,)) == (other,)
    assert build_index((other, *HALVES)) == RIGHT
    assert build_index((other, HALVES[0])) is None
    assert index_is_right(RIGHT, (other, *HALVES))
    assert not index_is_right({}, HALVES)


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("F64", 48), ("I64", 48), ("F32", 24), ("U32", 24), ("BF16", 12), ("I16", 12), ("U8", 6), ("BOOL", 6)],
)
def test_a_tensor_has_the_size_of_its_type(dtype: str, size: int) -> None:
    tensor = Tensor(dtype, (2, 3))
    assert (tensor.elements, tensor.size_bytes) == (6, size)
    assert tensor.floating is (dtype in ("F64", "F32", "BF16"))


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        (["tokenizer.model"], "tokenizer.model"),
        (["spiece.model"], "spiece.model"),
        (["vocab.json", "merges.txt"], "vocab.json and merges.txt"),
        (["vocab.txt"], "vocab.txt"),
    ],
)
def test_a_tokenizer_can_be_made_from_older_files(names: list[str], sources: str) -> None:
    plain = found(patient(names=names))["tokenizer_missing"]
    assert plain.message == f"tokenizer.json is missing; it can be made from {sources}"
    assert not plain.fixable
    made = found(patient(names=names, derived=b"{}"))["tokenizer_missing"]
    assert made.changes == (FileChange(TOKENIZER, None, b"{}"),)


@pytest.mark.parametrize("names", [["vocab.json"], [TOKENIZER, "tokenizer.model"], []])
def test_a_tokenizer_that_is_there_or_cannot_be_made_is_no_finding(names: list[str]) -> None:
    assert "tokenizer_missing" not in found(patient(names=names))


@pytest.mark.parametrize(("token", "template"), [("<|im_start|>", CHATML), ("<|start_header_id|>", LLAMA3)])
def test_a_missing_template_is_that_of_the_tokens(token: str, template: str) -> None:
    missing = found(patient({TOKENIZER: tokens(**{token: 5})}))["template_missing"]
    assert missing.message == "there is no chat template, though the tokenizer has its tokens"
    assert missing.changes == (FileChange(TEMPLATE_FILE, None, template.encode()),)


def test_a_model_without_such_tokens_needs_no_template() -> None:
    assert diagnose(patient({TOKENIZER: tokens(**{"<s>": 1})})) == ()


@pytest.mark.parametrize(
    ("contents", "place"),
    [
        ({TEMPLATE_FILE: "{% broken"}, TEMPLATE_FILE),
        ({TOKENIZER_CONFIG: {"chat_template": "{% broken"}}, TOKENIZER_CONFIG),
        ({TEMPLATE_JSON: {"chat_template": "{% broken"}}, TEMPLATE_JSON),
        ({TOKENIZER_CONFIG: {"chat_template": [7, {"name": "a"}, {"template": "{% broken"}]}}, TOKENIZER_CONFIG),
        ({TOKENIZER_CONFIG: {"chat_template": " "}, TEMPLATE_JSON: {"chat_template": "{% b"}}, TEMPLATE_JSON),
    ],
)
def test_a_broken_template_is_found_where_libraries_look(contents: dict[str, Any], place: str) -> None:
    broken = found(patient(contents, problem="line 1"))["template_broken"]
    assert broken.message == f"the chat template in {place} is broken: line 1"
    assert not broken.fixable
    known = found(patient({**contents, TOKENIZER: tokens(**{"<|im_start|>": 5})}, problem="line 1"))
    assert known["template_broken"].changes[0].after == CHATML.encode()


def test_a_template_in_the_old_place_moves() -> None:
    moved = found(patient({TEMPLATE_JSON: {"chat_template": "hi"}}))["template_misplaced"]
    assert moved.message == "the chat template is only in chat_template.json"
    assert moved.changes == (FileChange(TEMPLATE_FILE, None, b"hi"),)
    assert diagnose(patient({TOKENIZER_CONFIG: {"chat_template": "hi"}})) == ()


ENDS = tokens(**{"<|im_end|>": 7, "<|eot_id|>": 8, "</s>": 2})


@pytest.mark.parametrize(
    ("config", "more", "expected"),
    [
        ({"eos_token_id": 2}, {TEMPLATE_FILE: "<|im_end|>"}, [2, 7]),
        ({"eos_token_id": [2]}, {TEMPLATE_FILE: "<|im_end|><|eot_id|>"}, [2, 7, 8]),
        ({"text_config": {"eos_token_id": 2}}, {TEMPLATE_FILE: "<|im_end|>"}, [2, 7]),
        ({"a": 1}, {TEMPLATE_FILE: "<|im_end|>"}, 7),
        ({"a": 1}, {TOKENIZER_CONFIG: {"eos_token": "</s>"}}, 2),
        ({"a": 1}, {TOKENIZER_CONFIG: {"eos_token": {"content": "</s>"}}, TEMPLATE_FILE: "<|eot_id|>"}, [2, 8]),
        ({"eos_token_id": True}, {TEMPLATE_FILE: "<|im_end|>"}, 7),
        ({"eos_token_id": 9}, {GENERATION: {"eos_token_id": 2}, TEMPLATE_FILE: "<|im_end|>"}, [2, 7]),
    ],
)
def test_the_end_of_a_turn_is_added_to_the_ends(config: dict[str, Any], more: dict[str, Any], expected: Any) -> None:
    finding = found(patient({CONFIG: config, TOKENIZER: ENDS, **more}))["eos_missing"]
    assert mended(finding, CONFIG) == {**config, "eos_token_id": expected}
    assert [each.path for each in finding.changes] == ([CONFIG, GENERATION] if GENERATION in more else [CONFIG])
    if GENERATION in more:
        assert mended(finding, GENERATION) == {"eos_token_id": expected}


def test_the_finding_names_the_ends_that_lack() -> None:
    both = patient({CONFIG: {"eos_token_id": 2}, TOKENIZER: ENDS, TEMPLATE_FILE: "<|im_end|><|eot_id|>"})
    assert found(both)["eos_missing"].message == (
        "the end of a turn (<|im_end|>, <|eot_id|>) is not among eos_token_id"
    )


@pytest.mark.parametrize(
    "contents",
    [
        {CONFIG: {"eos_token_id": [2, 7]}, TOKENIZER: ENDS, TEMPLATE_FILE: "<|im_end|>"},
        {CONFIG: {"eos_token_id": 2}, TOKENIZER: ENDS, TEMPLATE_FILE: "no such token"},
        {CONFIG: {"eos_token_id": 2}, TOKENIZER: ENDS, TOKENIZER_CONFIG: {"eos_token": "<|im_end|>"}},
        {CONFIG: {"a": 1}, TOKENIZER: {"added_tokens": 7}, TEMPLATE_FILE: "<|im_end|>"},
        {CONFIG: {"a": 1}, TOKENIZER: tokens(**{"<|im_end|>": "7"}), TEMPLATE_FILE: "<|im_end|>"},
        {CONFIG: "[]", TOKENIZER: ENDS, TEMPLATE_FILE: "<|im_end|>"},
        {TOKENIZER: ENDS, TEMPLATE_FILE: "<|im_end|>"},
    ],
)
def test_ends_that_are_known_or_cannot_be_known_are_no_finding(contents: dict[str, Any]) -> None:
    assert "eos_missing" not in found(patient(contents))


@pytest.mark.parametrize("kind", IMAGE_PROCESSORS)
def test_a_processor_without_a_name_gets_that_of_its_type(kind: str) -> None:
    sees = {CONFIG: {"model_type": kind, "vision_config": {"a": 1}}, PREPROCESSOR: {"size": 1}}
    unnamed = found(patient(sees))["processor_type_missing"]
    assert unnamed.message == "preprocessor_config.json does not name its processor"
    assert mended(unnamed, PREPROCESSOR) == {"size": 1, "image_processor_type": IMAGE_PROCESSORS[kind]}


def test_a_model_that_sees_without_any_processor_cannot_be_mended() -> None:
    sees = {CONFIG: {"model_type": "qwen2_vl", "vision_config": {"a": 1}}}
    lost = found(patient(sees))["processor_missing"]
    assert lost.message == "preprocessor_config.json is missing or broken; take it from the original"
    assert not lost.fixable
    assert diagnose(patient({**sees, PROCESSOR: {"a": 1}})) == ()


@pytest.mark.parametrize(
    "config", [{"model_type": "llama", "vision_config": {"a": 1}}, {"model_type": "llava"}, {"model_type": 7}]
)
def test_other_models_have_no_processor_to_look_for(config: dict[str, Any]) -> None:
    assert diagnose(patient({CONFIG: config})) == ()


@pytest.mark.parametrize("kind", ["llava", "llava_next"])
def test_llava_s_processor_gets_what_its_config_says(kind: str) -> None:
    config = {"model_type": kind, "vision_config": {"patch_size": 14}}
    named = {PREPROCESSOR: {"image_processor_type": "X"}}
    lacks = found(patient({CONFIG: config, **named}))["processor_fields_missing"]
    assert lacks.message == "processor_config.json lacks patch_size and vision_feature_select_strategy"
    assert mended(lacks, PROCESSOR) == {"patch_size": 14, "vision_feature_select_strategy": "default"}
    own = {**config, "vision_feature_select_strategy": "full"}
    half = found(patient({CONFIG: own, **named, PROCESSOR: {"patch_size": 7}}))["processor_fields_missing"]
    assert half.message == "processor_config.json lacks vision_feature_select_strategy"
    assert mended(half, PROCESSOR) == {"patch_size": 7, "vision_feature_select_strategy": "full"}
    whole = {"patch_size": 14, "vision_feature_select_strategy": "x"}
    assert diagnose(patient({CONFIG: config, **named, PROCESSOR: whole})) == ()


def test_llava_without_processor_files_lacks_the_files_and_not_their_fields() -> None:
    config = {"model_type": "llava", "vision_config": {"patch_size": 14}}
    assert list(found(patient({CONFIG: config}))) == ["processor_missing"]


def test_each_rule_sees_what_those_before_it_have_mended() -> None:
    """The template that is put there has an end of turn, which the next rule wants among the ends."""
    ill = patient({CONFIG: {"eos_token_id": 2}, TOKENIZER: tokens(**{"<|im_start|>": 5, "<|im_end|>": 7})})
    assert [each.code for each in diagnose(ill)] == ["template_missing", "eos_missing"]


def test_a_document_that_is_no_object_reads_as_empty() -> None:
    for text in ("[1]", "{", "7", b"\xff"):
        assert patient({CONFIG: text}).document(CONFIG) == {}
    assert patient().document(CONFIG) == {}


def test_a_change_is_written_for_people() -> None:
    change = patient({CONFIG: {"a": "ä"}}).changed(CONFIG, b=[1])
    assert change.after == '{\n  "a": "ä",\n  "b": [\n    1\n  ]\n}\n'.encode()


def test_after_a_change_files_come_go_and_differ() -> None:
    before = patient({"a": "1", "b": "2"}, names=["c"])
    gone = before.after(FileChange("a", b"1", None))
    assert (gone.contents, sorted(gone.names)) == ({"b": b"2"}, ["b", "c"])
    come = before.after(FileChange("d", None, b"4"))
    assert (come.contents["d"], sorted(come.names)) == (b"4", ["a", "b", "c", "d"])
