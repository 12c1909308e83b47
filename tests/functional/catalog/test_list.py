"""Listing: patterns, filters, order, and how a path pattern is mirrored."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.model_store.report_index import FileReportIndex
from application.catalog.check_health import CheckHealth
from application.catalog.list_models import ListQuery, ModelKind
from domain.catalog.capability import Capability
from domain.errors import InvalidRequest, ModelNotFound
from tests.support.catalog_disk import Disk
from tests.support.model_zoo.cases_senses import WHISPER, seeing
from tests.support.model_zoo.content import llama_config, mlx_safetensors, text_model, without
from tests.support.model_zoo.places import add_workspace

FILES = text_model()


def names(disk: Disk, pattern: str | None = None, *kinds: ModelKind, runnable: bool = False) -> list[str]:
    query = ListQuery(pattern, frozenset(kinds), only_runnable=runnable)
    return [report.name for report in disk.list_models().execute(query)]


@pytest.fixture
def filled(disk: Disk) -> Disk:
    disk.cache.add("org/Writer", FILES)
    disk.cache.add("org/Seer", seeing("qwen2_vl"))
    disk.cache.add("org/Listener", {"config.json": WHISPER, "model.safetensors": mlx_safetensors()})
    disk.cache.add("org/Bge", {"config.json": {"model_type": "bert"}, "model.safetensors": mlx_safetensors()})
    disk.cache.add("org/Broken", without(FILES, "config.json"))
    disk.cache.add("org/Foreign", text_model(llama_config(model_type="notyet")))
    disk.cache.add("TEST-CACHE-SENTINEL/hidden", FILES)
    add_workspace(disk.home / "mine", FILES)
    (disk.home / "no-model").mkdir()
    return disk


def test_everything_is_listed_by_name_workspaces_and_builtin_included(filled: Disk) -> None:
    assert names(filled) == [
        "mine", "mlxk/demo", "org/Bge", "org/Broken", "org/Foreign", "org/Listener", "org/Seer", "org/Writer",
    ]  # fmt: skip


def test_a_pattern_is_a_part_of_the_name_without_regard_to_case(filled: Disk) -> None:
    assert names(filled, "ORG/S") == ["org/Seer"]
    assert names(filled, "nothing") == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (ModelKind.TEXT, ["mine", "mlxk/demo", "org/Seer", "org/Writer"]),
        (ModelKind.VISION, ["org/Seer"]),
        (ModelKind.AUDIO, ["org/Listener"]),
        (ModelKind.EMBEDDINGS, ["org/Bge"]),
    ],
)
def test_kinds_filter_and_only_runnable_leaves_out_the_rest(filled: Disk, kind: ModelKind, expected: list[str]) -> None:
    assert names(filled, None, kind, runnable=True) == expected


def test_every_kind_is_a_capability() -> None:
    assert {kind.value for kind in ModelKind} < {capability.value for capability in Capability}


def test_several_kinds_pass_models_of_any_of_them(filled: Disk) -> None:
    assert names(filled, None, ModelKind.VISION, ModelKind.AUDIO) == ["org/Listener", "org/Seer"]


def test_a_revision_lists_that_snapshot(filled: Disk) -> None:
    (report,) = filled.list_models().execute(ListQuery("Writer@main"))
    assert report.revision
    with pytest.raises(ModelNotFound):
        names(filled, "Writer@nothing")
    with pytest.raises(InvalidRequest):
        names(filled, "Writer@")


def test_path_patterns_mirror_their_input(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    root = disk.home
    for name in ("qwen-a", "qwen-b", "llama"):
        add_workspace(root / "models" / name, FILES)
    disk.cache.add("org/qwen-cached", FILES)
    monkeypatch.chdir(root)
    monkeypatch.setenv("HOME", str(root))
    assert names(disk, "./models") == ["./models/llama", "./models/qwen-a", "./models/qwen-b"]
    assert names(disk, "./models/") == names(disk, "./models")
    assert names(disk, "./models/qwen-a") == ["./models/qwen-a"]
    assert names(disk, "./models/qw") == ["./models/qwen-a", "./models/qwen-b"]
    assert names(disk, "~/models/ll") == ["~/models/llama"]
    assert names(disk, f"{root}/models/ll") == [f"{root}/models/llama"]
    monkeypatch.chdir(root / "models")
    assert names(disk, ".") == ["./llama", "./qwen-a", "./qwen-b"]
    assert names(disk, "../models/llama") == ["../models/llama"]
    monkeypatch.chdir(root / "models" / "llama")
    assert names(disk, ".") == ["."]
    assert names(disk, "..") == ["../llama", "../qwen-a", "../qwen-b"]
    assert names(disk, "./nothing") == []


def test_health_tells_sound_from_broken_by_name(filled: Disk) -> None:
    summary = CheckHealth(filled.list_models()).execute("org/")
    assert [entry.name for entry in summary.unhealthy] == ["org/Broken"]
    assert summary.unhealthy[0].reason == "config.json missing"
    assert summary.unhealthy[0].managed is None
    assert [entry.name for entry in summary.healthy] == [
        "org/Bge", "org/Foreign", "org/Listener", "org/Seer", "org/Writer",
    ]  # fmt: skip


def test_health_of_a_path_says_whether_it_is_managed(disk: Disk) -> None:
    plain = add_workspace(disk.home / "plain", FILES)
    managed = add_workspace(disk.home / "managed", {**FILES, ".mlxk_workspace.json": {"managed": True}})
    health = CheckHealth(disk.list_models())
    assert [entry.managed for path in (plain, managed) for entry in health.execute(str(path)).healthy] == [False, True]


def test_health_of_a_path_without_a_model_is_unhealthy_and_of_a_pattern_without_a_model_empty(disk: Disk) -> None:
    health = CheckHealth(disk.list_models())
    (entry,) = health.execute(str(disk.home)).unhealthy
    assert (entry.name, entry.reason) == (str(disk.home), "No config.json found in workspace")
    assert health.execute("nothing").unhealthy == health.execute("nothing").healthy == ()


def test_an_unreadable_cache_folder_is_an_empty_one(tmp_path: Path) -> None:
    disk = Disk.under(tmp_path)
    disk.cache.root.rmdir()
    disk.cache.root.write_text("not a folder", encoding="utf-8")
    assert names(disk) == ["mlxk/demo"]


def test_one_folder_may_be_a_cached_model_and_a_workspace(disk: Disk, tmp_path: Path) -> None:
    snapshot = disk.cache.add("org/a", FILES)
    (disk.home / "link").symlink_to(snapshot)
    listing = disk.list_models(FileReportIndex(tmp_path / "cache"))
    for _ in range(2):
        assert [report.name for report in listing.execute(ListQuery())] == ["link", "mlxk/demo", "org/a"]


def test_only_runnable_counts_only_kinds_that_run(disk: Disk) -> None:
    disk.cache.add("org/half", seeing("bailing_moe_v3"))
    assert names(disk, "org/", ModelKind.VISION) == ["org/half"]
    assert names(disk, "org/", ModelKind.VISION, runnable=True) == []
    assert names(disk, "org/", ModelKind.TEXT, runnable=True) == ["org/half"]
