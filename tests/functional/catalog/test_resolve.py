"""Which model a word means, on a real disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from application.catalog.resolve_model import ResolveModel
from domain.catalog.location import ModelSource
from domain.errors import AmbiguousModel, InvalidRequest, ModelNotFound
from tests.support.catalog_disk import Disk
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import add_workspace

FILES = text_model()
OLD, NEW = "ab12" + "0" * 36, "ab34" + "0" * 36


def resolved(disk: Disk, spec: str) -> str:
    return ResolveModel(disk.stores).execute(spec).name


@pytest.mark.parametrize("spec", ["demo", "mlxk/demo", "DEMO", "mlxk/dem"])
def test_the_builtin_model_resolves_like_any_other(disk: Disk, spec: str) -> None:
    location = ResolveModel(disk.stores).execute(spec)
    assert (location.name, location.source) == ("mlxk/demo", ModelSource.BUILTIN)


def test_a_users_model_of_the_very_name_hides_the_builtin_one(disk: Disk) -> None:
    disk.cache.add("mlxk/demo", FILES)
    add_workspace(disk.home / "demo", FILES)
    assert ResolveModel(disk.stores).execute("mlxk/demo").source is ModelSource.CACHE
    assert ResolveModel(disk.stores).execute("demo").source is ModelSource.WORKSPACE


def test_a_users_model_that_only_resembles_it_does_not_hide_the_builtin_one(disk: Disk) -> None:
    disk.cache.add("someone/demo", FILES)
    disk.cache.add("mlx-community/demo-4bit", FILES)
    assert resolved(disk, "demo") == "mlxk/demo"
    assert resolved(disk, "someone/demo") == "someone/demo"


def test_a_part_of_a_name_means_the_users_model_before_the_builtin_one(disk: Disk) -> None:
    disk.cache.add("someone/my-demonstration", FILES)
    assert resolved(disk, "dem") == "someone/my-demonstration"


def test_the_short_name_means_mlx_community(disk: Disk) -> None:
    for organisation in ("mlx-community", "lmstudio-community"):
        disk.cache.add(f"{organisation}/Qwen3-4B", FILES)
    resolution = ResolveModel(disk.stores).resolve("Qwen3-4B")
    assert (resolution.location.name, resolution.exact) == ("mlx-community/Qwen3-4B", True)


def test_the_short_name_of_another_organisation_is_exact_too(disk: Disk) -> None:
    disk.cache.add("acme/Special", FILES)
    disk.cache.add("acme/Special-8bit", FILES)
    resolution = ResolveModel(disk.stores).resolve("Special")
    assert (resolution.location.name, resolution.exact) == ("acme/Special", True)


def test_a_completed_name_says_so(disk: Disk) -> None:
    disk.cache.add("acme/Special", FILES)
    resolution = ResolveModel(disk.stores).resolve("spec")
    assert (resolution.location.name, resolution.exact) == ("acme/Special", False)


def test_cannot_resolve_a_part_of_two_names_in_cache_and_workspaces(disk: Disk) -> None:
    disk.cache.add("acme/llama-a", FILES)
    add_workspace(disk.home / "llama-b", FILES)
    with pytest.raises(AmbiguousModel) as refusal:
        resolved(disk, "llama")
    assert refusal.value.matches == ("acme/llama-a", "llama-b")
    assert "acme/llama-a, llama-b" in refusal.value.message


def test_cannot_resolve_one_name_in_two_places_and_is_told_how_to_say_it(disk: Disk) -> None:
    snapshot = disk.cache.add("gpt2", FILES)
    workspace = add_workspace(disk.home / "gpt2", FILES)
    with pytest.raises(AmbiguousModel) as refusal:
        resolved(disk, "gpt2")
    assert set(refusal.value.matches) == {str(snapshot), str(workspace)}
    assert resolved(disk, str(workspace)) == str(workspace)
    assert ResolveModel(disk.stores).execute("gpt2@main").source is ModelSource.CACHE


def test_every_spelling_of_a_workspace_is_one_model(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = add_workspace(disk.home / "mine", FILES)
    (disk.home / "link").symlink_to(folder)
    monkeypatch.chdir(disk.home)
    monkeypatch.setenv("HOME", str(disk.home))
    spellings = ["mine", "./mine", "~/mine", str(folder), "../home/mine", "./link"]
    located = [ResolveModel(disk.stores).execute(spec) for spec in spellings]
    assert {location.identity for location in located} == {str(folder)}
    assert [location.name for location in located] == spellings


def test_a_folder_without_a_config_is_no_model(disk: Disk) -> None:
    with pytest.raises(ModelNotFound, match=r"no config\.json in"):
        resolved(disk, str(disk.home))


@pytest.mark.parametrize(("wanted", "revision"), [("main", OLD), ("v2", NEW), ("ab34", NEW), (OLD, OLD), ("pr/1", NEW)])
def test_a_revision_is_a_branch_a_tag_or_a_hash(disk: Disk, wanted: str, revision: str) -> None:
    disk.cache.add("acme/two", FILES, revision=OLD)
    disk.cache.add("acme/two", FILES, revision=NEW, refs=("v2", "pr/1"))
    assert ResolveModel(disk.stores).execute(f"two@{wanted}").revision == revision


def test_without_a_revision_main_decides_and_not_recency(disk: Disk) -> None:
    disk.cache.add("acme/two", FILES, revision=OLD)
    newer = disk.cache.add("acme/two", FILES, revision=NEW, refs=())
    os.utime(newer, (4_000_000_000, 4_000_000_000))
    assert ResolveModel(disk.stores).execute("acme/two").revision == OLD
    (disk.cache.folder("acme/two") / "refs" / "main").unlink()
    assert ResolveModel(disk.stores).execute("acme/two").revision == NEW


def test_a_main_that_names_nothing_or_leads_out_leaves_it_to_recency(disk: Disk) -> None:
    disk.cache.add("acme/two", FILES, revision=OLD)
    for text in ("c" * 40, "../../../outside", "", "\udcff"):
        (disk.cache.folder("acme/two") / "refs" / "main").write_bytes(os.fsencode(text))
        assert ResolveModel(disk.stores).execute("acme/two").revision == OLD


def test_cannot_resolve_the_beginning_of_two_hashes(disk: Disk) -> None:
    disk.cache.add("acme/two", FILES, revision=OLD)
    disk.cache.add("acme/two", FILES, revision=NEW)
    with pytest.raises(AmbiguousModel) as refusal:
        resolved(disk, "two@ab")
    assert refusal.value.matches == (f"acme/two@{OLD}", f"acme/two@{NEW}")


def test_an_unknown_revision_is_told_with_those_that_are_here(disk: Disk) -> None:
    disk.cache.add("acme/two", FILES, revision=OLD)
    with pytest.raises(ModelNotFound, match="no revision 'v9'") as refusal:
        resolved(disk, "two@v9")
    assert refusal.value.detail == {"available_hashes": [OLD]}
    assert OLD in (refusal.value.hint or "")


def test_a_hash_tells_apart_what_a_part_of_a_name_cannot(disk: Disk) -> None:
    disk.cache.add("acme/llama-a", FILES, revision=OLD)
    disk.cache.add("acme/llama-b", FILES, revision=NEW)
    assert resolved(disk, "llama@ab34") == "acme/llama-b"


@pytest.mark.parametrize("spec", ["demo@main", "mine@main"])
def test_what_keeps_no_revisions_has_none(disk: Disk, spec: str) -> None:
    add_workspace(disk.home / "mine", FILES)
    with pytest.raises(ModelNotFound, match="no revision 'main'"):
        resolved(disk, spec)


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("nothing", ModelNotFound, "no model here matches 'nothing'"),
        ("a/b/c", InvalidRequest, "at most one '/'"),
        ("", InvalidRequest, "it is empty"),
    ],
)
def test_a_word_that_means_nothing_is_refused_by_name(
    disk: Disk, spec: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        resolved(disk, spec)


def test_a_name_the_hub_cannot_have_either_is_explained(disk: Disk) -> None:
    with pytest.raises(ModelNotFound) as refusal:
        resolved(disk, "org/" + "n" * 97)
    assert "at most 96 characters, this one has 97" in (refusal.value.hint or "")


def test_an_exact_name_opens_no_other_model(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that showing or running a model does not get slower with the cache."""
    disk.cache.add("acme/one", FILES)
    monkeypatch.setattr(disk.stores.cache, "names", lambda: pytest.fail("looked at every model"))
    assert resolved(disk, "acme/one") == "acme/one"


@pytest.mark.parametrize("cached", ["mlx-community/Both", "acme/Both", "acme/both-4bit", "Both"])
def test_a_workspace_hides_no_cached_model_that_has_the_revision(disk: Disk, cached: str) -> None:
    add_workspace(disk.home / "Both", FILES)
    disk.cache.add(cached, FILES)
    location = ResolveModel(disk.stores).execute("Both@main")
    assert (location.name, location.source) == (cached, ModelSource.CACHE)
