"""Pulling into the hub's cache: complete, checked, resumed, and recognised by huggingface_hub itself."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from huggingface_hub import get_cached_repo_tree, scan_cache_dir, snapshot_download
from huggingface_hub.errors import IncompleteSnapshotError

from adapters.hub import blob_fetch
from adapters.hub.disk import Disk
from adapters.hub.hub_cache import HubCache
from adapters.hub.layout import CacheLayout
from domain.errors import DiskFull, DownloadFailed, DownloadRefused
from domain.hub.download_plan import FileSelection
from domain.hub.pull import Progress, ProgressKind, silent
from domain.hub.verification import FileState
from tests.support.hub_pulls import contents, http_hub, kill, plan_for, pull, start_pull, until
from tests.support.hub_server import HubServer

MIB = 1 << 20
WEIGHTS = random.Random(7).randbytes(9 * MIB + 123)  # noqa: S311
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "sub/folder/notes.txt": b"hello", "empty.txt": b""}
NAME = "acme/model"
SENT = "acme/model/model.safetensors"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def layout(cache: Path) -> CacheLayout:
    return CacheLayout(cache, NAME)


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blob_fetch, "SMALLEST_SEGMENT_BYTES", 2 * MIB)


def official(hub: HubServer, cache: Path, *, offline: bool = False) -> Path:
    return Path(snapshot_download(NAME, cache_dir=cache, endpoint=hub.endpoint, token=False, local_files_only=offline))


def test_a_pulled_model_is_complete_for_huggingface_hub_which_fetches_nothing(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    folder = pull(hub.endpoint, cache, NAME)
    assert contents(folder) == FILES
    hub.traffic.forget()
    assert official(hub, cache, offline=True) == folder
    assert official(hub, cache) == folder
    assert hub.traffic.total_bytes == 0
    assert {file.path for file in get_cached_repo_tree(NAME, cache_dir=cache)} == set(FILES)
    scanned = scan_cache_dir(cache)
    assert not scanned.warnings
    assert not scanned.incomplete_files
    assert next(iter(scanned.repos)).refs.keys() == {"main"}


def test_what_huggingface_hub_has_brought_is_not_fetched_again(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    official(hub, cache)
    hub.traffic.forget()
    assert plan_for(hub.endpoint, cache, NAME).up_to_date
    pull(hub.endpoint, cache, NAME)
    assert hub.traffic.total_bytes == 0


def test_a_large_file_comes_over_several_connections_each_byte_once(
    hub: HubServer, cache: Path, small_segments: None
) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", chunk_delay_seconds=0.005, times=5)
    pull(hub.endpoint, cache, NAME)
    assert hub.traffic.most_open_streams > 2
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS)


def test_a_connection_that_breaks_is_taken_up_at_the_next_byte(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", cut_after=3 * MIB, times=2)
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS)


def test_busy_and_broken_answers_are_waited_out(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", status=429, retry_after=0.01)
    hub.fail("model.safetensors", status=503)
    hub.fail("tree/" + hub.store.repositories[NAME].branches["main"], status=500)
    seen: list[Progress] = []
    assert contents(pull(hub.endpoint, cache, NAME, progress=seen.append)) == FILES
    assert sum(event.kind is ProgressKind.RETRY for event in seen) == 2


def test_a_hub_that_never_recovers_is_an_error_and_its_bytes_are_kept(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", cut_after=5 * MIB)
    hub.fail("model.safetensors", status=500, times=50)
    with pytest.raises(DownloadFailed, match="status 500"):
        pull(hub.endpoint, cache, NAME)
    hub.faults.clear()
    hub.traffic.forget()
    assert plan_for(hub.endpoint, cache, NAME).fetch_bytes <= len(WEIGHTS) - 5 * MIB
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS) - 5 * MIB


def test_a_failed_pull_is_an_incomplete_snapshot_for_huggingface_hub(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", status=500, times=50)
    with pytest.raises(DownloadFailed):
        pull(hub.endpoint, cache, NAME)
    assert scan_cache_dir(cache).incomplete_files
    with pytest.raises((IncompleteSnapshotError, FileNotFoundError)):
        official(hub, cache, offline=True)
    hub.faults.clear()
    assert contents(official(hub, cache)) == FILES


def test_a_server_without_ranges_still_resumes_to_the_right_bytes(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", cut_after=3 * MIB)
    hub.fail("model.safetensors", ignore_range=True)
    seen: list[Progress] = []
    assert contents(pull(hub.endpoint, cache, NAME, progress=seen.append)) == FILES
    assert not any("damaged" in event.text for event in seen)


def test_a_byte_flipped_on_the_way_is_noticed_and_fetched_again(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", corrupt=True)
    hub.fail("notes.txt", corrupt=True)
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES


def test_a_content_that_never_matches_its_hash_is_refused_and_leaves_nothing(
    hub: HubServer, cache: Path, layout: CacheLayout
) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", corrupt=True, times=50)
    with pytest.raises(DownloadRefused, match="checksum"):
        pull(hub.endpoint, cache, NAME)
    etag = hashlib.sha256(WEIGHTS).hexdigest()
    assert not layout.blob(etag).exists()
    assert not layout.partial(etag).exists()
    assert not layout.snapshot(hub.store.repositories[NAME].branches["main"]).exists()
    assert not layout.ref("main").exists()


def test_a_file_that_changes_on_the_hub_during_the_pull_is_refused(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", etag="0" * 64)
    with pytest.raises(DownloadRefused, match="no longer"):
        pull(hub.endpoint, cache, NAME)


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\b", "C:x", "a//b", "x\n", ".", "a/./b"])
def test_a_hostile_file_name_is_refused_before_a_byte_is_written(hub: HubServer, cache: Path, path: str) -> None:
    hub.create(NAME, {**FILES, path: b"gotcha"})
    with pytest.raises(DownloadRefused, match="nothing was written"):
        pull(hub.endpoint, cache, NAME)
    assert not cache.exists()
    assert hub.traffic.total_bytes == 0


def test_a_file_below_another_file_is_refused(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, {"a": b"1", "a/b": b"2"})
    with pytest.raises(DownloadRefused, match="below another file"):
        pull(hub.endpoint, cache, NAME)


def test_two_names_of_one_content_are_fetched_once(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, {"one.safetensors": WEIGHTS, "two.safetensors": WEIGHTS})
    assert contents(pull(hub.endpoint, cache, NAME)) == {"one.safetensors": WEIGHTS, "two.safetensors": WEIGHTS}
    assert hub.traffic.total_bytes == len(WEIGHTS)


def test_include_and_exclude_choose_the_files(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    folder = pull(hub.endpoint, cache, NAME, selection=FileSelection(("*.json", "sub/"), ("empty*",)))
    assert set(contents(folder)) == {"config.json", "sub/folder/notes.txt"}


def test_a_branch_and_a_commit_hash_are_pulled_as_such(hub: HubServer, cache: Path, layout: CacheLayout) -> None:
    repository = hub.create(NAME, FILES)
    first = repository.branches["main"]
    second = hub.store.commit(repository, {"config.json": b'{"new": 1}'})
    repository.branches["draft"] = first
    assert pull(hub.endpoint, cache, NAME, revision="draft").name == first
    assert layout.ref("draft").read_text() == first
    hub.traffic.forget()
    assert pull(hub.endpoint, cache, NAME, revision=second).name == second
    assert hub.traffic.total_bytes == len(b'{"new": 1}'), "what both commits share is not fetched again"
    assert sorted(path.name for path in layout.refs.iterdir()) == ["draft"]


def test_a_pull_killed_half_way_resumes_from_the_bytes_that_are_there(
    hub: HubServer, cache: Path, layout: CacheLayout
) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", chunk_delay_seconds=0.01)
    process = start_pull(hub.endpoint, cache, NAME)
    journal = layout.ranges(hashlib.sha256(WEIGHTS).hexdigest())
    until(lambda: journal.exists() and journal.read_text().count("\n") > 4, "four stretches have arrived")
    kill(process)
    hub.faults.clear()
    until(lambda: hub.traffic.open_streams == 0, "the hub has noticed")
    here = plan_for(hub.endpoint, cache, NAME).partial_bytes[hashlib.sha256(WEIGHTS).hexdigest()]
    assert here >= 4 * MIB
    hub.traffic.forget()
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS) - here
    assert not list(layout.blobs.glob("*mlxk*"))


def test_ctrl_c_stops_at_once_and_keeps_what_has_arrived(hub: HubServer, cache: Path, layout: CacheLayout) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", chunk_delay_seconds=0.02)
    process = start_pull(hub.endpoint, cache, NAME)
    partial = layout.partial(hashlib.sha256(WEIGHTS).hexdigest())
    until(lambda: partial.exists() and partial.stat().st_size > 2 * MIB, "two MiB have arrived")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode != 0
    here = plan_for(hub.endpoint, cache, NAME).partial_bytes[hashlib.sha256(WEIGHTS).hexdigest()]
    assert here >= 2 * MIB


def test_an_orphan_of_huggingface_hub_is_used_and_removed(hub: HubServer, cache: Path, layout: CacheLayout) -> None:
    hub.create(NAME, FILES)
    layout.blobs.mkdir(parents=True)
    etag = hashlib.sha256(WEIGHTS).hexdigest()
    (layout.blobs / f"{etag}.0123abcd.incomplete").write_bytes(WEIGHTS[: 6 * MIB])
    (layout.blobs / f"{etag}.ffffffff.incomplete").write_bytes(WEIGHTS[: 1 * MIB])
    assert plan_for(hub.endpoint, cache, NAME).partial_bytes[etag] == 6 * MIB
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES
    assert hub.traffic.bytes_sent[SENT] <= len(WEIGHTS) - 6 * MIB + 3 * 65536
    assert not list(layout.blobs.glob("*.incomplete"))


def test_an_orphan_of_another_content_is_swept_not_used(hub: HubServer, cache: Path, layout: CacheLayout) -> None:
    hub.create(NAME, FILES)
    layout.blobs.mkdir(parents=True)
    etag = hashlib.sha256(WEIGHTS).hexdigest()
    (layout.blobs / f"{etag}.0123abcd.incomplete").write_bytes(bytes(reversed(WEIGHTS[: 6 * MIB])))
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES
    assert not list(layout.blobs.glob("*.incomplete"))


def test_an_orphan_that_fails_only_the_checksum_costs_a_second_fetch(
    hub: HubServer, cache: Path, layout: CacheLayout
) -> None:
    hub.create(NAME, FILES)
    layout.blobs.mkdir(parents=True)
    etag = hashlib.sha256(WEIGHTS).hexdigest()
    damaged = bytearray(WEIGHTS[: 6 * MIB])
    damaged[MIB] ^= 1
    (layout.blobs / f"{etag}.0123abcd.incomplete").write_bytes(damaged)
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES


def test_a_truncated_blob_is_fetched_again(hub: HubServer, cache: Path, layout: CacheLayout) -> None:
    hub.create(NAME, FILES)
    pull(hub.endpoint, cache, NAME)
    layout.blob(hashlib.sha256(WEIGHTS).hexdigest()).write_bytes(b"short")
    assert not plan_for(hub.endpoint, cache, NAME).up_to_date
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES


def test_pulls_of_one_model_at_the_same_time_fetch_it_once(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", chunk_delay_seconds=0.005, times=1)
    processes = [start_pull(hub.endpoint, cache, NAME) for _ in range(2)]
    folders = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert len(folders) == 1
    assert contents(Path(folders.pop())) == FILES
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS)


def test_a_second_pull_of_a_model_says_that_it_waits(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    slow = hub.fail("model.safetensors", hold=threading.Event())
    first = threading.Thread(target=pull, args=(hub.endpoint, cache, NAME))
    first.start()
    assert slow.reached.wait(20)
    assert slow.hold is not None
    waiting = threading.Event()
    said: list[str] = []

    def hear(event: Progress) -> None:
        if event.kind is ProgressKind.WAITING:
            said.append(event.text)
            waiting.set()

    second = threading.Thread(target=pull, args=(hub.endpoint, cache, NAME), kwargs={"progress": hear})
    second.start()
    assert waiting.wait(20)
    slow.hold.set()
    first.join(30)
    second.join(30)
    assert said[0] == f"another pull of {NAME} is running"
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS)


def test_a_snapshot_gets_its_config_last(hub: HubServer, cache: Path) -> None:
    linked: list[str] = []

    class Watching(Disk):
        def link(self, target: str, path: Path) -> None:
            linked.append(path.name)
            super().link(target, path)

    hub.create(NAME, FILES)
    pull(hub.endpoint, cache, NAME, disk=Watching())
    assert len(linked) == len(FILES)
    assert linked[-1] == "config.json"


def test_a_blob_that_huggingface_hub_is_fetching_is_waited_for(
    hub: HubServer, cache: Path, layout: CacheLayout
) -> None:
    hub.create(NAME, FILES)
    hub.fail("model.safetensors", method="GET", chunk_delay_seconds=0.005)
    script = (
        "import sys; from huggingface_hub import snapshot_download\n"
        f"snapshot_download({NAME!r}, cache_dir={str(cache)!r}, endpoint={hub.endpoint!r}, token=False)"
    )
    theirs = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    until(lambda: hub.traffic.bytes_sent[SENT] > 0, "the other download has begun")
    seen: list[Progress] = []
    folder = pull(hub.endpoint, cache, NAME, progress=seen.append)
    assert theirs.wait(30) == 0
    assert any(event.kind is ProgressKind.WAITING for event in seen)
    assert contents(folder) == FILES
    assert hub.traffic.bytes_sent[SENT] == len(WEIGHTS)


def test_stopping_a_hub_ends_a_transfer_that_is_stuck(hub: HubServer, cache: Path) -> None:
    hub.create(NAME, FILES)
    stuck = hub.fail("model.safetensors", hold=threading.Event())
    far = http_hub(hub.endpoint)
    model = far.describe(NAME, "main")
    faults: list[BaseException] = []

    def fetch() -> None:
        try:
            HubCache(cache).fetch(plan_for(hub.endpoint, cache, NAME), far, silent)
        except DownloadFailed as fault:
            faults.append(fault)

    worker = threading.Thread(target=fetch)
    worker.start()
    assert stuck.reached.wait(10)
    far.stop()
    worker.join(20)
    assert not worker.is_alive(), "not even the beginning of an answer had come"
    assert stuck.hold is not None
    stuck.hold.set()
    assert faults
    assert model.commit


def test_verification_finds_a_flipped_byte_and_a_missing_file(hub: HubServer, cache: Path, layout: CacheLayout) -> None:
    hub.create(NAME, FILES)
    folder = pull(hub.endpoint, cache, NAME)
    keeper = HubCache(cache)
    recorded = keeper.recorded(NAME, folder.name)
    assert recorded is not None
    assert {check.state for check in keeper.check(recorded, silent)} == {FileState.SAME}
    blob = layout.blob(hashlib.sha256(WEIGHTS).hexdigest())
    damaged = bytearray(WEIGHTS)
    damaged[5 * MIB] ^= 1
    blob.write_bytes(damaged)
    (folder / "empty.txt").unlink()
    (folder / "config.json").unlink()
    (folder / "config.json").write_bytes(b"{ }")
    states = {check.path: check.state for check in keeper.check(recorded, silent)}
    assert states == {
        "model.safetensors": FileState.WRONG_CONTENT,
        "empty.txt": FileState.MISSING,
        "config.json": FileState.WRONG_SIZE,
        "sub/folder/notes.txt": FileState.SAME,
    }


def test_a_model_that_cannot_fit_is_refused_by_the_plan(hub: HubServer, cache: Path) -> None:
    from dataclasses import replace

    hub.create(NAME, FILES)
    plan = replace(plan_for(hub.endpoint, cache, NAME), free_bytes=MIB)
    with pytest.raises(DiskFull, match="free"):
        plan.require_space()
