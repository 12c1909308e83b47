"""Killed at any moment, pull and prune leave the old state, the new one, or one to go on from; never anything else."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from adapters.hub.leftovers import HubCacheLeftovers
from adapters.model_store.builtin import BuiltinStore
from adapters.model_store.hf_cache import HfCacheStore
from adapters.model_store.workspace import WorkspaceStore
from adapters.runtime_support.installed import InstalledLibraryInspector
from application.catalog.inspect_model import InspectModel
from application.catalog.stores import ModelStores
from domain.catalog.report import ModelReport
from domain.hub.file_names import is_sha256
from tests.support.crash_points import NEVER, run_to_crashes
from tests.support.hub_pulls import contents, kill, pull, start_pull, until
from tests.support.hub_server import HubServer

NAME = "acme/model"
FOLDER = "models--acme--model"
BYSTANDER = "models--other--model"
SAMPLE = 10
LIBRARIES = InstalledLibraryInspector()


def files(mark: bytes, demo_files: dict[str, bytes]) -> dict[str, bytes]:
    """A small sound model, large enough for a journal of its weights."""
    size = 1_500_000
    header = json.dumps({"t": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + mark * (size // len(mark))
    small = {name: demo_files[name] for name in ("config.json", "tokenizer.json", "tokenizer_config.json")}
    return {**small, "model.safetensors": weights, "sub/notes.txt": mark}


@pytest.fixture
def bystander(tmp_path: Path) -> Path:
    """A cache with another model, which nothing may touch."""
    base = tmp_path / "base"
    snapshot = base / BYSTANDER / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (base / BYSTANDER / "blobs").mkdir()
    (base / BYSTANDER / "blobs" / f"{'b' * 64}.incomplete").write_bytes(b"theirs")
    return base


def inspected(cache: Path) -> ModelReport | None:
    """What mlxk says of the model in this cache; None when the cache has nothing of it."""
    stores = ModelStores(WorkspaceStore(None), HfCacheStore(cache), BuiltinStore(cache))
    located = stores.cache.locate(NAME)
    return None if located is None else InspectModel(stores, LIBRARIES).execute(located)


def check_no_blob_is_wrong(cache: Path) -> None:
    for blob in (cache / FOLDER / "blobs").glob("*"):
        if blob.name.endswith((".incomplete", ".ranges")):
            continue
        content = blob.read_bytes()
        if is_sha256(blob.name):
            assert hashlib.sha256(content).hexdigest() == blob.name
        else:
            prefix = b"blob %d\0" % len(content)
            assert hashlib.sha1(prefix + content, usedforsecurity=False).hexdigest() == blob.name


def copies(base: Path, points: Sequence[int], folder: Path) -> dict[int, Path]:
    return {point: Path(shutil.copytree(base, folder / str(point), symlinks=True)) for point in points}


def points_until(count: int, *, every: bool) -> list[int]:
    """All of 1..count, or a sample with both ends."""
    if every or count <= SAMPLE:
        return list(range(1, count + 1))
    return sorted({1, 2, count, *random.Random(4).sample(range(1, count + 1), SAMPLE)})  # noqa: S311


def count_of(task: str, base: Path, folder: Path, **facts: str) -> int:
    """How many changes the task makes."""
    changes = run_to_crashes(task, copies(base, [NEVER], folder), **facts)[NEVER]
    assert changes
    return changes


def sweep_pull(hub: HubServer, base: Path, folder: Path, wanted: dict[str, bytes], *, every: bool) -> None:
    """Kill a pull into copies of `base` at many points; check what is there, pull again, check again."""
    facts = {"endpoint": hub.endpoint, "name": NAME}
    before = inspected(base)
    bystander = contents(base / BYSTANDER)
    points = points_until(count_of("pull", base, folder / "count", **facts), every=every)
    caches = copies(base, [*points, NEVER], folder / "points")
    ended = run_to_crashes("pull", caches, **facts)
    assert ended[NEVER]
    assert None in ended.values()
    for point, cache in caches.items():
        check_no_blob_is_wrong(cache)
        assert contents(cache / BYSTANDER) == bystander
        report = inspected(cache)
        if before is not None and before.healthy:
            assert report is not None, point
            assert report.healthy, f"killed at {point}: {report.health_reason}"
        elif report is not None and not report.healthy:
            assert report.health_reason.startswith("Incomplete download"), (point, report.health_reason)
        assert contents(pull(hub.endpoint, cache, NAME)) == wanted, point
        again = inspected(cache)
        assert again is not None
        assert again.healthy
        assert not list((cache / FOLDER / "blobs").glob("*mlxk*")), point


def test_a_first_pull_killed_at_any_change_can_be_gone_on_with(
    hub: HubServer, bystander: Path, tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    wanted = files(b"new!", demo_files)
    hub.create(NAME, wanted)
    sweep_pull(hub, bystander, tmp_path, wanted, every=False)


def test_an_update_killed_at_any_change_leaves_the_old_revision_or_the_new(
    hub: HubServer, bystander: Path, tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    repository = hub.create(NAME, files(b"old!", demo_files))
    pull(hub.endpoint, bystander, NAME)
    wanted = files(b"new!", demo_files)
    hub.store.commit(repository, wanted, replace=True)
    sweep_pull(hub, bystander, tmp_path, wanted, every=False)


@pytest.mark.nightly
@pytest.mark.parametrize("update", [False, True], ids=["first pull", "update"])
def test_pull_survives_every_single_change(
    hub: HubServer, bystander: Path, tmp_path: Path, demo_files: dict[str, bytes], *, update: bool
) -> None:
    repository = hub.create(NAME, files(b"old!", demo_files))
    if update:
        pull(hub.endpoint, bystander, NAME)
    wanted = files(b"new!", demo_files)
    hub.store.commit(repository, wanted, replace=True)
    sweep_pull(hub, bystander, tmp_path, wanted, every=True)


def test_prune_killed_at_any_deletion_leaves_what_stays_and_can_be_repeated(
    hub: HubServer, bystander: Path, tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    repository = hub.create(NAME, files(b"old!", demo_files))
    pull(hub.endpoint, bystander, NAME)
    wanted = files(b"new!", demo_files)
    hub.store.commit(repository, wanted, replace=True)
    kept = pull(hub.endpoint, bystander, NAME)
    (bystander / FOLDER / "blobs" / ("0" * 40)).write_bytes(b"orphan")
    shutil.rmtree(bystander / BYSTANDER / "blobs")
    count = count_of("prune", bystander, tmp_path / "count")
    caches = copies(bystander, [*range(1, count + 1), NEVER], tmp_path / "points")
    run_to_crashes("prune", caches)
    for point, cache in caches.items():
        snapshot = cache / FOLDER / "snapshots" / kept.name
        assert contents(snapshot) == wanted, point
        assert contents(cache / BYSTANDER) == contents(bystander / BYSTANDER)
    run_to_crashes("prune", {NEVER + point: cache for point, cache in caches.items()})
    for cache in caches.values():
        assert HubCacheLeftovers(cache).of(NAME).items == ()
        assert contents(cache / FOLDER / "snapshots" / kept.name) == wanted


def reached(hub: HubServer, goal: int, process: subprocess.Popen[str]) -> bool:
    return hub.traffic.total_bytes >= goal or process.poll() is not None


def test_a_pull_killed_at_random_times_comes_to_its_end_after_all(
    hub: HubServer, tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    wanted = {**files(b"new!", demo_files), "model-2.safetensors": demo_files["model.safetensors"] * 2}
    hub.create(NAME, wanted)
    cache = tmp_path / "cache"
    total = sum(map(len, wanted.values()))
    dice = random.Random(11)  # noqa: S311
    for _ in range(4):
        hub.fail("", chunk_delay_seconds=0.002, times=20)
        goal = hub.traffic.total_bytes + dice.randrange(total // 3)
        process = start_pull(hub.endpoint, cache, NAME)
        until(partial(reached, hub, goal, process), "some bytes have been sent")
        kill(process)
        hub.faults.clear()
        if (cache / FOLDER).exists():
            check_no_blob_is_wrong(cache)
    assert contents(pull(hub.endpoint, cache, NAME)) == wanted
