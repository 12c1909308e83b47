"""Showing one model in detail."""

from __future__ import annotations

import json

import pytest

from application.catalog.inspect_model import InspectModel
from application.catalog.list_models import ListQuery
from application.catalog.show_model import FileKind, ModelDetail, ShowModel, file_kind
from domain.serving.memory_policy import GIB, DeviceMemory
from entrypoints.cli.main import main
from entrypoints.cli.presenters.formatting import size
from tests.support.catalog_disk import LIBRARIES, Disk
from tests.support.model_zoo.cases_senses import WHISPER, seeing
from tests.support.model_zoo.content import llama_config, mlx_safetensors, text_model
from tests.support.model_zoo.places import add_workspace


class FixedMemory:
    def __init__(self, limit_bytes: int) -> None:
        self._memory = DeviceMemory(16 * GIB, limit_bytes, limit_bytes)

    def read(self) -> DeviceMemory:
        return self._memory


def shown(disk: Disk, spec: str, limit_bytes: int = 8 * GIB) -> ModelDetail:
    return ShowModel(disk.stores, LIBRARIES, FixedMemory(limit_bytes)).execute(spec)


def test_show_tells_files_config_and_numbers(disk: Disk) -> None:
    disk.cache.add("org/a", text_model())
    detail = shown(disk, "org/a")
    assert {file.name: file.kind for file in detail.files} == {
        "README.md": FileKind.README,
        "config.json": FileKind.CONFIG,
        "model.safetensors": FileKind.WEIGHTS,
        "tokenizer.json": FileKind.TOKENIZER,
        "tokenizer_config.json": FileKind.TOKENIZER,
    }
    assert sum(file.size_bytes for file in detail.files) == detail.report.size_bytes
    assert detail.config["model_type"] == "llama"
    assert detail.quantization == {"group_size": 64, "bits": 4}
    metadata = detail.metadata
    assert (metadata.model_type, metadata.architecture, metadata.quantization) == ("llama", "LlamaForCausalLM", "4bit")
    assert (metadata.context_length, metadata.vocab_size, metadata.hidden_size) == (2048, 256, 64)
    assert (metadata.layers, metadata.heads) == (2, 4)


def test_show_and_list_and_inspect_give_one_answer(disk: Disk) -> None:
    disk.cache.add("org/a", text_model())
    disk.cache.add("org/b", seeing("nothing-known"))
    for report in disk.list_models().execute(ListQuery()):
        assert shown(disk, report.name).report == report
        assert InspectModel(disk.stores, LIBRARIES).execute(report.location) == report


def test_show_tells_why_a_capability_was_dropped(disk: Disk) -> None:
    disk.cache.add("org/half", seeing("bailing_moe_v3"))
    report = shown(disk, "org/half").report
    assert report.capabilities == ("text-generation", "chat", "vision")
    assert report.runnable_capabilities == ("text-generation", "chat")
    assert report.dropped == {"vision": "model_type 'bailing_moe_v3' not supported by mlx-vlm"}


def test_show_tells_what_the_model_will_take(disk: Disk) -> None:
    disk.cache.add("org/a", text_model())
    weights = mlx_safetensors().size_bytes
    per_token = 2 * 2 * 16 * 2 * 2
    memory = shown(disk, "org/a", limit_bytes=weights + 1000 * per_token).memory
    assert memory is not None
    assert (memory.weights_bytes, memory.kv_bytes_per_1k_tokens) == (weights, 1000 * per_token)
    assert memory.longest_context == 1000


def test_the_longest_context_is_at_most_the_models_own_and_unknown_without_numbers(disk: Disk) -> None:
    disk.cache.add("org/a", text_model())
    disk.cache.add("org/odd", text_model(llama_config(num_hidden_layers=None)))
    known, odd = shown(disk, "org/a").memory, shown(disk, "org/odd").memory
    assert known is not None
    assert odd is not None
    assert known.longest_context == 2048
    assert (odd.kv_bytes_per_1k_tokens, odd.longest_context) == (None, None)
    assert ShowModel(disk.stores, LIBRARIES).execute("org/a").memory is not None


def test_a_model_that_writes_no_text_has_no_forecast(disk: Disk) -> None:
    disk.cache.add("org/ear", {"config.json": WHISPER, "model.safetensors": mlx_safetensors()})
    assert shown(disk, "org/ear").memory is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MODEL.SAFETENSORS", FileKind.WEIGHTS),
        ("a.gguf", FileKind.WEIGHTS),
        ("training_args.bin", FileKind.OTHER),
        ("tokenizer.model", FileKind.TOKENIZER),
        ("merges.txt", FileKind.TOKENIZER),
        ("chat_template.jinja", FileKind.CONFIG),
        ("README", FileKind.README),
        ("LICENSE", FileKind.OTHER),
    ],
)
def test_files_have_a_kind_by_name(name: str, kind: FileKind) -> None:
    assert file_kind(name) is kind


@pytest.mark.parametrize(
    "key", ["num_hidden_layers", "max_position_embeddings", "vocab_size", "head_dim", "kv_lora_rank"]
)
@pytest.mark.parametrize("flags", [[], ["--json"], ["--config"], ["--config", "--json"]])
@pytest.mark.parametrize("digits", [25, 400, 4000, 4400])
def test_show_survives_a_number_of_any_length(
    disk: Disk,
    key: str,
    flags: list[str],
    digits: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = json.dumps(llama_config(**{key: 987654321})).replace("987654321", "9" * digits)
    folder = add_workspace(disk.home / "huge", {**text_model(), "config.json": config})
    monkeypatch.setenv("HOME", str(disk.home))
    monkeypatch.setenv("HF_HOME", str(disk.home.parent))
    status = main(["show", str(folder), *flags])
    out = capsys.readouterr().out
    assert status == 0, out
    if "--json" in flags:
        told = json.loads(out)["data"]
        assert any(f"{key} is too large a number" in each or digits > 4300 for each in told["findings"])
    elif not flags:
        assert "too large a number" in out or digits > 4300


def test_an_endless_product_of_numbers_is_shown(disk: Disk) -> None:
    huge = 2**62
    disk.cache.add("org/a", text_model(llama_config(num_hidden_layers=huge, head_dim=huge, num_key_value_heads=huge)))
    memory = shown(disk, "org/a").memory
    assert memory is not None
    assert size(memory.kv_bytes_per_1k_tokens or 0) == "over 1,000,000 PB"
