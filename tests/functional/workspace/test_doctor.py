"""Doctor: every known fault is found, shown as a patch, mended, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from adapters.workspace_files.local import LocalWorkspaceFiles
from adapters.workspace_files.template_check import JinjaTemplateCheck
from application.workspace.clone_model import CloneRequest
from domain.errors import Conflict, InvalidRequest
from domain.workspace.cleanliness import Cleanliness
from domain.workspace.patch import RECORD, PatchRecord
from domain.workspace.sentinel import SENTINEL
from tests.support.model_zoo.content import Files, llama_config, safetensors, shard_index, text_model
from tests.support.model_zoo.places import CacheBuilder, add_workspace
from tests.support.tiny_llama import TinyLlama
from tests.support.workspace_kit import WorkspaceKit, tree_of

TOKENS = {"<|im_start|>": 5, "<|im_end|>": 7, "</s>": 2}
ADDED = [{"id": number, "content": text, "special": True} for text, number in TOKENS.items()]
TOKENIZER: dict[str, object] = {
    "version": "1.0",
    "model": {"type": "BPE", "vocab": {}, "merges": []},
    "added_tokens": ADDED,
}
CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
LLAVA = {"model_type": "llava", "vision_config": {"patch_size": 14}, "eos_token_id": 7}


def healthy(**changes: Any) -> Files:
    files = text_model(llama_config(eos_token_id=7))
    files["tokenizer.json"] = TOKENIZER
    files["tokenizer_config.json"] = {"chat_template": CHATML, "eos_token": "<|im_end|>"}
    files |= {name.replace("__", "."): content for name, content in changes.items()}
    return files


SHARDS: Files = {f"model-0000{n}-of-00002.safetensors": safetensors({f"layer.{n}": ("BF16", (4, 4))}) for n in (1, 2)}
RIGHT = {f"layer.{n}": f"model-0000{n}-of-00002.safetensors" for n in (1, 2)}


def sharded(index: object = None) -> Files:
    files = {**healthy(), **SHARDS}
    del files["model.safetensors"]
    return files if index is None else {**files, "model.safetensors.index.json": index}  # type: ignore[dict-item]


CASES: dict[str, tuple[Files, set[str], set[str]]] = {
    "healthy": (healthy(), set(), set()),
    "sharded and right": (sharded(shard_index(RIGHT)), set(), set()),
    "index missing": (sharded(), {"stale_index"}, {"model.safetensors.index.json"}),
    "index of other files": (sharded(shard_index({"a": "b"})), {"stale_index"}, {"model.safetensors.index.json"}),
    "index is no JSON": (sharded(b"{"), {"stale_index"}, {"model.safetensors.index.json"}),
    "index for one file": (
        healthy(**{"model.safetensors.index__json": shard_index({"a": "b"})}),
        {"stale_index"},
        {"model.safetensors.index.json"},
    ),
    "no eos": (healthy(config__json=llama_config()), {"eos_missing"}, {"config.json"}),
    "eos without the turn's end": (
        healthy(config__json=llama_config(eos_token_id=2), generation_config__json={"eos_token_id": [2]}),
        {"eos_missing"},
        {"config.json", "generation_config.json"},
    ),
    "eos only in the generation config": (
        healthy(config__json=llama_config(), generation_config__json={"eos_token_id": [2, 7]}), set(), set(),
    ),
    "template missing": (
        healthy(tokenizer_config__json={"eos_token": "<|im_end|>"}), {"template_missing"}, {"chat_template.jinja"},
    ),
    "template broken": (
        healthy(tokenizer_config__json={"chat_template": "{% for %}"}), {"template_broken"}, {"chat_template.jinja"},
    ),
    "template misplaced": (
        healthy(tokenizer_config__json={}, chat_template__json={"chat_template": CHATML}),
        {"template_misplaced"},
        {"chat_template.jinja"},
    ),
    "processor without its type": (
        healthy(
            config__json={**LLAVA, "model_type": "qwen2_vl"}, preprocessor_config__json={"do_resize": True}
        ),
        {"processor_type_missing"},
        {"preprocessor_config.json"},
    ),
    "llava without patch size": (
        healthy(config__json=LLAVA, preprocessor_config__json={"image_processor_type": "CLIPImageProcessor"}),
        {"processor_fields_missing"},
        {"processor_config.json"},
    ),
    "no processor at all": (healthy(config__json=LLAVA), {"processor_missing"}, set()),
    "overlapping shards": (
        {**sharded(shard_index(RIGHT)), "model-b.safetensors": safetensors({"layer.1": ("BF16", (4, 4))})},
        {"shards_overlap"},
        set(),
    ),
}  # fmt: skip


@pytest.fixture
def kit(tmp_path: Path) -> WorkspaceKit:
    return WorkspaceKit(tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_every_known_fault_is_found_shown_mended_and_taken_back(kit: WorkspaceKit, case: str) -> None:
    files, codes, changed = CASES[case]
    folder = add_workspace(kit.home / "ws", files)
    before = tree_of(folder)
    found = kit.doctor().examine("ws")
    assert {finding.code for finding in found.findings} == codes
    assert {change.path for change in found.changes} == changed
    assert all(change.lines() for change in found.changes)
    assert tree_of(folder) == before, "looking changes nothing"
    _, left = kit.doctor().fix("ws")
    assert {finding.code for finding in left.findings} == (set() if changed else codes)
    if not changed:
        assert tree_of(folder) == before
        return
    assert {path for path, content in tree_of(folder).items() if before.get(path) != content} - {RECORD} <= changed
    kit.doctor().undo("ws")
    assert tree_of(folder) == before


def test_the_patch_is_readable(kit: WorkspaceKit) -> None:
    add_workspace(kit.home / "ws", healthy(config__json=llama_config()))
    [change] = kit.doctor().examine("ws").changes
    assert change.lines()[:2] == ("--- a/config.json", "+++ b/config.json")
    assert '+  "eos_token_id": 7' in change.lines()


def test_a_mended_workspace_is_clean_again_and_so_is_an_undone_one(kit: WorkspaceKit) -> None:
    CacheBuilder(kit.cache).add("org/Silent", healthy(config__json=llama_config()))
    original = kit.clone().execute(CloneRequest("org/Silent", "ws")).content_hash
    folder = kit.home / "ws"
    kit.doctor().fix("ws")
    mended = kit.state(folder)
    assert mended is not None
    assert (mended.cleanliness, mended.content_hash != original) == (Cleanliness.CLEAN, True)
    kit.doctor().undo("ws")
    undone = kit.state(folder)
    assert undone is not None
    assert (undone.cleanliness, undone.content_hash) == (Cleanliness.CLEAN, original)


def test_a_workspace_that_was_edited_stays_modified(kit: WorkspaceKit) -> None:
    CacheBuilder(kit.cache).add("org/Silent", healthy(config__json=llama_config()))
    kit.clone().execute(CloneRequest("org/Silent", "ws"))
    (kit.home / "ws" / "README.md").write_text("mine")
    kit.doctor().fix("ws")
    assert kit.state(kit.home / "ws").cleanliness is Cleanliness.MODIFIED  # type: ignore[union-attr]


def test_undo_never_throws_an_edit_away(kit: WorkspaceKit) -> None:
    folder = add_workspace(kit.home / "ws", healthy(config__json=llama_config()))
    kit.doctor().fix("ws")
    (folder / "config.json").write_text('{"mine": true}')
    before = tree_of(folder)
    with pytest.raises(Conflict, match=r"config\.json"):
        kit.doctor().undo("ws")
    assert tree_of(folder) == before


def test_there_is_nothing_to_undo_in_an_untouched_workspace(kit: WorkspaceKit) -> None:
    add_workspace(kit.home / "ws", healthy())
    with pytest.raises(InvalidRequest, match="nothing to undo"):
        kit.doctor().undo("ws")


@pytest.mark.parametrize("spec", ["org/Cached", "demo"])
def test_only_workspaces_are_mended(kit: WorkspaceKit, spec: str) -> None:
    CacheBuilder(kit.cache).add("org/Cached", healthy(config__json=llama_config()))
    before = tree_of(kit.cache)
    for step in (kit.doctor().examine, kit.doctor().fix, kit.doctor().undo):
        with pytest.raises(InvalidRequest, match="no workspace"):
            step(spec)
    path = str(next(kit.cache.glob("*/snapshots/*")))
    with pytest.raises(InvalidRequest, match="cache"):
        kit.doctor().fix(path)
    assert tree_of(kit.cache) == before


def test_a_tokenizer_is_made_from_its_older_files(kit: WorkspaceKit) -> None:
    folder = TinyLlama().build(kit.home / "ws")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "GPT2Tokenizer", "eos_token": "a", "unk_token": "a", "bos_token": "a"})
    )
    Tokenizer(models.BPE(vocab={"a": 0, "b": 1, "ab": 2}, merges=[("a", "b")])).model.save(str(folder))
    [found] = [each for each in kit.doctor().examine("ws").findings if each.code == "tokenizer_missing"]
    assert "vocab.json and merges.txt" in found.message
    kit.doctor().fix("ws")
    assert Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab() == {"a": 0, "b": 1, "ab": 2}
    kit.doctor().undo("ws")
    assert not (folder / "tokenizer.json").exists()


class CrashingFiles(LocalWorkspaceFiles):
    """Stops the world before the n-th change."""

    def __init__(self, at: int) -> None:
        self._left = at

    def write(self, folder: PurePath, path: str, content: bytes | None) -> None:
        self._count()
        super().write(folder, path, content)

    def write_sentinel(self, folder: PurePath, sentinel: Any) -> None:
        self._count()
        super().write_sentinel(folder, sentinel)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("then", ["fix", "undo"])
def test_a_mending_that_was_cut_short_is_finished_or_taken_back(kit: WorkspaceKit, then: str) -> None:
    files = healthy(config__json=llama_config(), tokenizer_config__json={"chat_template": "{% for %}"})
    CacheBuilder(kit.cache).add("org/Silent", files)
    for at in range(20):
        name = f"ws{at}"
        kit.clone().execute(CloneRequest("org/Silent", name))
        before = tree_of(kit.home / name)
        try:
            kit.doctor(files=CrashingFiles(at)).fix(name)
        except KeyboardInterrupt:
            pass
        else:
            assert at >= 5, "record, two files, hash, record"
            return
        if then == "undo" and kit.doctor().examine(name).undoable:
            kit.doctor().undo(name)
            left = {path: content for path, content in tree_of(kit.home / name).items() if path != SENTINEL}
            assert left == {path: content for path, content in before.items() if path != SENTINEL}
        else:
            _, after = kit.doctor().fix(name)
            assert not after.findings
            assert not after.unfinished
    raise AssertionError("it never finished")


@pytest.mark.parametrize("values", [{}, {"version": 1, "changes": [{"path": "../x", "before": None, "after": ""}]}])
def test_a_hostile_record_is_no_record(values: dict[str, Any]) -> None:
    assert PatchRecord.decode(values) is None


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("{{ messages }}", True),
        ("{% generation %}x{% endgeneration %}", True),
        ("{% break %}", True),
        ("{% if %}", False),
    ],
)
def test_templates_are_parsed_and_never_run(text: str, sound: bool) -> None:
    check: Callable[[str], str | None] = JinjaTemplateCheck().problem
    assert (check(text) is None) is sound
