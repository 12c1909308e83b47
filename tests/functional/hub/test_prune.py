"""prune: what goes, what stays, and what is left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from application.hub.pull_model import PullRequest
from container import Container
from domain.hub.prune_plan import LeftoverKind
from tests.support.hub_pulls import contents, kill, start_pull, until
from tests.support.hub_server import HubServer

NAME = "acme/model"


def pull(house: Container, spec: str = NAME) -> Path:
    return Path(house.pull_model().execute(PullRequest(spec)).path)


def files_of(cache: Path) -> set[str]:
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if ".locks" not in path.parts}


def test_a_clean_cache_has_nothing_to_prune(hub: HubServer, house: Container, demo_files: dict[str, bytes]) -> None:
    hub.create(NAME, demo_files)
    pull(house)
    assert house.prune_cache().plan().count == 0


def test_old_revisions_orphans_and_partials_go_and_nothing_else(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    repository = hub.create(NAME, demo_files)
    old = pull(house)
    hub.store.commit(repository, {"README.md": b"new"})
    new = pull(house, f"{NAME}@main")
    blobs = cache / "models--acme--model" / "blobs"
    before = files_of(cache)
    (blobs / ("0" * 40)).write_bytes(b"orphan")
    (blobs / f"{'1' * 64}.0123abcd.incomplete").write_bytes(b"theirs")
    (blobs / f"{'2' * 64}.mlxk.incomplete").write_bytes(b"ours")
    (blobs / f"{'2' * 64}.mlxk.ranges").write_bytes(b"journal")
    plan = house.prune_cache().plan()
    kinds = [item.kind for item in plan.models[0].items]
    assert kinds.count(LeftoverKind.ORPHAN) == 1
    assert kinds.count(LeftoverKind.PARTIAL_DOWNLOAD) == 3
    done = house.prune_cache().execute(plan)
    assert (
        done.freed_bytes
        == plan.freed_bytes
        == len(b"orphan" + b"theirs" + b"ours" + b"journal") + len(demo_files["README.md"])
    )
    assert not old.exists()
    assert contents(new) == {**demo_files, "README.md": b"new"}
    assert files_of(cache) < before
    assert house.prune_cache().plan().count == 0
    assert house.check_health().execute(NAME).unhealthy == ()


def test_a_first_pull_that_was_killed_goes_altogether(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    hub.fail("model.safetensors", chunk_delay_seconds=0.02)
    process = start_pull(hub.endpoint, cache, NAME)
    until(lambda: any(cache.glob("*/blobs/*.mlxk.ranges")), "some of the weights have arrived")
    assert house.prune_cache().plan().busy == (NAME,)
    kill(process)
    plan = house.prune_cache().plan()
    assert plan.busy == ()
    assert not any(item.kind is LeftoverKind.ORPHAN for item in plan.models[0].items)
    house.prune_cache().execute(plan)
    if blobs := list(cache.glob("models--*/blobs/*")):
        assert not any("mlxk" in path.name for path in blobs), "whole blobs of a half pull are kept for the next"


def test_a_revision_without_a_ref_stays_when_it_is_the_only_one(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    folder = pull(house)
    shutil.rmtree(cache / "models--acme--model" / "refs")
    assert house.prune_cache().plan().count == 0
    assert contents(folder) == demo_files


def test_a_pattern_narrows_it(hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]) -> None:
    for name in ("acme/one", "acme/two"):
        hub.create(name, demo_files)
        pull(house, name)
        (cache / f"models--{name.replace('/', '--')}" / "blobs" / ("0" * 40)).write_bytes(b"x")
    assert [model.name for model in house.prune_cache().plan("TWO").models] == ["acme/two"]
