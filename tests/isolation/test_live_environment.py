"""What the environment asks of live tests, and the skips and refusals that follow."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.builtin_model import builtin_model_folder
from tests.plugins.live_groups import HubGroup, clone_folder, said
from tests.support import live_environment as asked
from tests.support.hub_server import HubServer
from tests.support.isolated_cache import IsolatedCache
from tests.support.live_cli import LiveHouse
from tests.support.live_environment import (
    BadVariable,
    NotAsked,
    RealClone,
    RealPush,
    copy_rules,
    real_clone,
    real_pull,
    real_push,
    vision_chunk,
    vision_model,
)
from tests.support.model_copy import (
    INDEX,
    chosen,
    copy_model,
    fetch_index,
    require_index,
    require_space,
    shards_of,
    snapshot_of,
)
from tests.support.portfolio.sharded import NAME, add_sharded

ROOT = Path(__file__).resolve().parents[2]
PUSH = {"MLXK2_LIVE_PUSH": "1", "MLXK2_LIVE_REPO": "me/r", "MLXK2_LIVE_WORKSPACE": "/ws", "HF_TOKEN": "hf_x"}
CLONE = {"MLXK2_LIVE_CLONE": "1", "MLXK2_LIVE_CLONE_MODEL": "org/m", "MLXK2_LIVE_CLONE_WORKSPACE": "/ws"}


@pytest.mark.parametrize("read", [real_push, real_clone, real_pull])
@pytest.mark.parametrize("value", [None, "", "0"])
def test_unless_asked_no_real_hub_is_used(read: Callable[[dict[str, str]], object], value: str | None) -> None:
    switches = ("MLXK2_LIVE_PUSH", "MLXK2_LIVE_CLONE", "MLXK2_TEST_RESUMABLE_DOWNLOAD")
    given = {} if value is None else dict.fromkeys(switches, value)
    assert read({"HF_TOKEN": "hf_x", "MLXK2_LIVE_REPO": "me/r", **given}) is None


def test_a_real_hub_is_described_whole() -> None:
    assert real_push(PUSH) == RealPush("me/r", Path("/ws"), "hf_x", "https://huggingface.co")
    assert real_clone({**CLONE, "HF_ENDPOINT": "http://h/"}) == RealClone("org/m", Path("/ws"), "", "http://h")
    pull = real_pull({"MLXK2_TEST_RESUMABLE_DOWNLOAD": "1"})
    assert pull is not None
    assert (pull.model, pull.endpoint) == (asked.PULLED_MODEL, "https://huggingface.co")


@pytest.mark.parametrize("missing", ["MLXK2_LIVE_REPO", "MLXK2_LIVE_WORKSPACE", "HF_TOKEN"])
def test_a_push_that_lacks_something_says_what(missing: str) -> None:
    with pytest.raises(NotAsked, match=f"{missing} is not set"):
        real_push({**PUSH, missing: " "})


@pytest.mark.parametrize("missing", ["MLXK2_LIVE_CLONE_MODEL", "MLXK2_LIVE_CLONE_WORKSPACE"])
def test_a_clone_that_lacks_something_says_what(missing: str) -> None:
    with pytest.raises(NotAsked, match=f"{missing} is not set"):
        real_clone({**CLONE, missing: ""})


def test_a_switch_is_one_or_zero() -> None:
    with pytest.raises(BadVariable, match="MLXK2_LIVE_PUSH is 'yes': it may be 1 or 0"):
        real_push({"MLXK2_LIVE_PUSH": "yes"})


def test_how_models_are_copied() -> None:
    usual = copy_rules({})
    assert (usual.shards, usual.min_free_bytes, usual.bootstrap_index) == (1, 512_000_000, False)
    told = copy_rules({
        "MLXK2_ISSUE27_MODEL": "org/a", "MLXK2_ISSUE27_INDEX_MODEL": "org/b", "MLXK2_SUBSET_COUNT": "3",
        "MLXK2_MIN_FREE_MB": "0", "MLXK2_BOOTSTRAP_INDEX": "1",
    })  # fmt: skip
    assert (told.model, told.index_model, told.shards, told.min_free_bytes, told.bootstrap_index) == (
        "org/a", "org/b", 3, 0, True,
    )  # fmt: skip


@pytest.mark.parametrize(("name", "text"), [("MLXK2_SUBSET_COUNT", "0"), ("MLXK2_SUBSET_COUNT", "x"),
                                            ("MLXK2_MIN_FREE_MB", "-1")])  # fmt: skip
def test_a_number_that_cannot_be_is_named(name: str, text: str) -> None:
    with pytest.raises(BadVariable, match=f"{name} is '{text}'"):
        copy_rules({name: text})


def test_the_vision_pipe_is_told_its_model_and_its_chunk() -> None:
    assert (vision_model({}), vision_chunk({})) == ("", 1)
    assert (vision_model({"MLXK2_VISION_MODEL": "org/v"}), vision_chunk({"MLXK2_VISION_BATCH_SIZE": "3"})) == (
        "org/v",
        3,
    )
    with pytest.raises(BadVariable, match="at least 1"):
        vision_chunk({"MLXK2_VISION_BATCH_SIZE": "0"})


def test_every_variable_that_is_read_is_on_the_list_and_no_other() -> None:
    read: set[str] = set()

    class Watching(dict[str, str]):
        def get(self, key: str, default: object = None) -> str:
            read.add(key)
            return {**PUSH, **CLONE, "MLXK2_TEST_RESUMABLE_DOWNLOAD": "1"}.get(key, "")

    for each in (real_push, real_clone, real_pull, copy_rules, vision_model, vision_chunk):
        each(Watching())
    assert read | {"MLXK2_USER_HF_HOME"} == set(asked.VARIABLES)


def test_reasons_become_skips_and_nonsense_a_failure() -> None:
    with pytest.raises(pytest.skip.Exception, match="the reason"), said():
        raise NotAsked("the reason")
    with pytest.raises(pytest.fail.Exception, match="the nonsense"), said():
        raise BadVariable("the nonsense")


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return add_sharded(tmp_path / "user" / "hub")


def test_the_index_and_the_smallest_shards_are_copied(snapshot: Path, isolated_cache: IsolatedCache) -> None:
    files = chosen(snapshot, 1)
    assert [each.name for each in files if each.suffix == ".safetensors"] == ["model-00001-of-00002.safetensors"]
    copy = copy_model(snapshot, isolated_cache.hub, NAME, files)
    assert require_index(copy).read_bytes() == (snapshot / INDEX).read_bytes()
    assert snapshot_of(isolated_cache.hub, NAME) == copy
    (shard,) = shards_of(copy)
    shard.write_bytes(b"damaged")
    assert (snapshot / shard.name).stat().st_size > 7, "the source has its own bytes"
    assert len(shards_of(snapshot)) == len([each for each in chosen(snapshot, 9) if "-of-" in each.name]) == 2


def test_links_of_a_hub_cache_become_files(snapshot: Path, isolated_cache: IsolatedCache) -> None:
    blob = snapshot.parents[1] / "blob"
    (snapshot / "config.json").rename(blob)
    (snapshot / "config.json").symlink_to(blob)
    copy = copy_model(snapshot, isolated_cache.hub, NAME, chosen(snapshot, 1))
    assert not (copy / "config.json").is_symlink()
    assert (copy / "config.json").read_bytes() == blob.read_bytes()


def test_a_model_that_is_not_there_is_a_reason_to_skip(tmp_path: Path) -> None:
    with pytest.raises(NotAsked, match="User model not found: org/none"):
        snapshot_of(tmp_path, "org/none")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}"])
def test_a_model_without_an_index_is_a_reason_to_skip(snapshot: Path, content: str | None) -> None:
    (snapshot / INDEX).unlink()
    if content is not None:
        (snapshot / INDEX).write_text(content)
    with pytest.raises(NotAsked, match="No safetensors index found"):
        require_index(snapshot)


def test_too_little_space_is_a_reason_to_skip(snapshot: Path, tmp_path: Path) -> None:
    require_space(chosen(snapshot, 1), tmp_path, 0)
    with pytest.raises(NotAsked, match="Not enough free space"):
        require_space(chosen(snapshot, 1), tmp_path, 1 << 60)


def test_only_the_index_is_fetched_and_into_the_copy(tmp_path: Path) -> None:
    index = json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}).encode()
    with HubServer(tmp_path / "hub") as hub:
        hub.create("org/m", {INDEX: index, "model-00001-of-00001.safetensors": b"x" * 100})
        hub.create("org/plain", {"config.json": b"{}"})
        target = tmp_path / "copy"
        target.mkdir()
        assert fetch_index(hub.endpoint, "org/m", "", target).read_bytes() == index
        assert [each.name for each in target.iterdir()] == [INDEX]
        with pytest.raises(NotAsked, match=r"No safetensors index found: .*org/plain: HTTP Error 404"):
            fetch_index(hub.endpoint, "org/plain", "", target)


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        ("MLXK2_ISSUE27_INDEX_MODEL", "no/such", r"SKIPPED .*User model not found: no/such"),
        ("MLXK2_ISSUE27_INDEX_MODEL", "org/plain", r"SKIPPED .*No safetensors index found"),
        ("MLXK2_MIN_FREE_MB", "99999999999", r"SKIPPED .*Not enough free space"),
        ("MLXK2_SUBSET_COUNT", "none", r"MLXK2_SUBSET_COUNT is 'none': it must be a whole number"),
    ],
)
def test_a_live_test_is_told_what_the_environment_asks(tmp_path: Path, name: str, value: str, outcome: str) -> None:
    snapshot = tmp_path / "hub" / "models--org--plain" / "snapshots" / ("1" * 40)
    shutil.copytree(builtin_model_folder(), snapshot)
    add_sharded(tmp_path / "hub")
    environ = {**os.environ, "MLXK2_USER_HF_HOME": str(tmp_path), "MLXK2_ISSUE27_INDEX_MODEL": NAME, name: value}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "issue27", "-k", "lacks_a_shard",
         "tests/live/test_groups_stand_on_ground.py"],
        env=environ, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert re.search(outcome, done.stdout), done.stdout + done.stderr
    assert " passed" not in done.stdout


def group(tmp_path: Path, hub: HubServer | None) -> HubGroup:
    return HubGroup(LiveHouse(tmp_path, tmp_path), "me/r", tmp_path, hub)


FAULT = {"status": "error", "error": {"type": "auth_error", "message": "no token", "hint": "set HF_TOKEN"}}


def test_a_fault_of_a_real_hub_skips_with_its_diagnosis(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"the hub: auth_error: no token \(set HF_TOKEN\)"):
        group(tmp_path, None).judge(FAULT)
    group(tmp_path, None).judge({"status": "success", "error": None})
    group(tmp_path, None).judge({"status": "error", "error": {"type": "validation_error", "message": "ours"}})


def test_a_fault_of_the_local_hub_does_not(tmp_path: Path) -> None:
    with HubServer(tmp_path / "hub") as hub:
        group(tmp_path, hub).judge(FAULT)


def test_the_users_folder_for_clones_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with clone_folder(tmp_path) as folder:
        folder.mkdir()
        (folder / "config.json").touch()
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
    with pytest.raises(pytest.skip.Exception, match="which is no folder"), clone_folder(tmp_path / "none"):
        pass
    taken = tmp_path / f"mlxk2_test_clone_{os.getpid()}"
    taken.mkdir()
    with pytest.raises(pytest.skip.Exception, match="is there already"), clone_folder(tmp_path):
        pass
    assert taken.is_dir()
