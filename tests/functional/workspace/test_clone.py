"""Clone: from the cache, the hub, a workspace; whole or not at all, and nobody's cache is touched."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from application.workspace.clone_model import CloneRequest
from domain.errors import (
    AccessDenied,
    AmbiguousModel,
    Conflict,
    DiskFull,
    DownloadFailed,
    InvalidRequest,
    MlxkError,
    ModelNotFound,
    ModelUnhealthy,
)
from domain.workspace.cleanliness import Cleanliness
from domain.workspace.copy_method import CopyMethod
from domain.workspace.progress import Stage, WorkProgress
from domain.workspace.sentinel import SENTINEL
from ports.copying import OnBytes
from tests.support.hub_server import HubServer
from tests.support.loop_disk import loop_disk
from tests.support.model_zoo.content import Link, text_model, without
from tests.support.model_zoo.places import CacheBuilder, revision_of
from tests.support.workspace_kit import WorkspaceKit, leftovers, tree_of

NAME = "org/Tiny-Chat"


@pytest.fixture
def kit(tmp_path: Path) -> WorkspaceKit:
    made = WorkspaceKit(tmp_path)
    CacheBuilder(made.cache).add(NAME, {**text_model(), "sub/extra.json": {"a": 1}})
    return made


def hub_files() -> dict[str, bytes]:
    """A whole text model, as a hub holds it."""
    files = text_model()
    made: dict[str, bytes] = {}
    for name, content in files.items():
        match content:
            case dict():
                made[name] = json.dumps(content).encode()
            case str():
                made[name] = content.encode()
            case bytes() | Link():
                raise AssertionError(name)
            case _:
                made[name] = content.head + bytes(content.size_bytes - len(content.head))
    return made


def test_a_cached_model_becomes_a_clean_managed_workspace(kit: WorkspaceKit) -> None:
    before = tree_of(kit.cache)
    outcome = kit.clone().execute(CloneRequest(NAME, "mine"))
    target = kit.home / "mine"
    assert outcome.target == target
    assert (outcome.model, outcome.revision, outcome.fetched_bytes) == (NAME, revision_of(NAME), 0)
    assert (outcome.healthy, outcome.health_reason) == (True, "Model is healthy")
    assert outcome.copy_method in (CopyMethod.COPY, CopyMethod.REFLINK, CopyMethod.CLONEFILE)
    sentinel = json.loads((target / SENTINEL).read_text())
    assert {key: sentinel[key] for key in ("mlxk_version", "source_repo", "source_revision", "operation")} == {
        "mlxk_version": "9.9.9",
        "source_repo": NAME,
        "source_revision": revision_of(NAME),
        "operation": "clone",
    }
    state = kit.state(target)
    assert state is not None
    assert (state.cleanliness, state.content_hash) == (Cleanliness.CLEAN, outcome.content_hash)
    assert not any(path.is_symlink() for path in target.rglob("*")), "a workspace is flat"
    source = kit.cache / f"models--org--Tiny-Chat/snapshots/{revision_of(NAME)}"
    names = {path.relative_to(source).as_posix() for path in source.rglob("*") if not path.is_dir()}
    assert all((target / name).read_bytes() == (source / name).read_bytes() for name in names)
    assert tree_of(kit.cache) == before
    assert leftovers(kit.home) == []


def test_progress_counts_every_byte(kit: WorkspaceKit) -> None:
    seen: list[WorkProgress] = []
    outcome = kit.clone().execute(CloneRequest(NAME, "mine"), seen.append)
    copied = [each for each in seen if each.stage is Stage.COPYING]
    assert copied[-1].done_bytes == copied[-1].total_bytes == outcome.total_bytes
    assert [each.stage for each in seen][-2:] == [Stage.HASHING, Stage.CHECKING]


@pytest.mark.parametrize(
    ("target", "place"),
    [
        (None, "home/Tiny-Chat"),
        ("bare", "home/bare"),
        ("./literal", "literal"),
        ("~/in-home", "in-home"),
    ],
)
def test_targets_follow_the_rules(kit: WorkspaceKit, target: str | None, place: str) -> None:
    outcome = kit.clone().execute(CloneRequest(NAME, target))
    assert outcome.target == kit.root / place
    assert (kit.root / place / "config.json").is_file()


def test_without_a_workspace_home_a_bare_name_is_literal_and_no_target_is_refused(kit: WorkspaceKit) -> None:
    clone = kit.clone(places=kit.homeless())
    assert clone.execute(CloneRequest(NAME, "bare")).target == kit.root / "bare"
    with pytest.raises(InvalidRequest, match="no target"):
        clone.execute(CloneRequest(NAME))


def test_the_default_target_drops_organisation_and_revision(kit: WorkspaceKit) -> None:
    revision = revision_of(NAME)
    outcome = kit.clone().execute(CloneRequest(f"{NAME}@{revision[:8]}"))
    assert outcome.target.name == "Tiny-Chat"
    assert outcome.revision == revision


def test_a_branch_chooses_the_revision(kit: WorkspaceKit) -> None:
    CacheBuilder(kit.cache).add(NAME, text_model(), revision="b" * 40, refs=("draft",))
    assert kit.clone().execute(CloneRequest(NAME, "d", branch="draft")).revision == "b" * 40
    with pytest.raises(InvalidRequest, match="draft"):
        kit.clone().execute(CloneRequest(f"{NAME}@main", "e", branch="draft"))


def test_an_empty_folder_is_taken_and_anything_else_refused(kit: WorkspaceKit) -> None:
    (kit.home / "empty").mkdir()
    kit.clone().execute(CloneRequest(NAME, "empty"))
    assert (kit.home / "empty" / SENTINEL).is_file()
    before = tree_of(kit.home)
    (kit.root / "file").write_text("mine")
    for target in ("empty", "./file"):
        with pytest.raises(Conflict):
            kit.clone().execute(CloneRequest(NAME, target))
    assert tree_of(kit.home) == before
    assert (kit.root / "file").read_text() == "mine"


def test_a_target_whose_parent_is_missing_is_refused(kit: WorkspaceKit) -> None:
    with pytest.raises(InvalidRequest, match="does not exist"):
        kit.clone().execute(CloneRequest(NAME, "./nothing/here"))
    assert not (kit.root / "nothing").exists()


@pytest.mark.parametrize("inside", ["cache/mine", "cache/models--org--Tiny-Chat/mine", "other/models--a--b/mine"])
def test_a_target_inside_a_cache_is_refused(kit: WorkspaceKit, inside: str) -> None:
    (kit.root / inside).parent.mkdir(parents=True, exist_ok=True)
    before = tree_of(kit.root)
    with pytest.raises(InvalidRequest, match="cache"):
        kit.clone().execute(CloneRequest(NAME, f"./{inside}"))
    assert tree_of(kit.root) == before


def test_a_cache_reached_through_a_link_is_still_a_cache(kit: WorkspaceKit) -> None:
    (kit.root / "alias").symlink_to(kit.cache)
    with pytest.raises(InvalidRequest, match="cache"):
        kit.clone().execute(CloneRequest(NAME, "./alias/mine"))


def test_a_broken_model_is_cloned_so_that_it_can_be_mended(kit: WorkspaceKit) -> None:
    CacheBuilder(kit.cache).add("org/Broken", without(text_model(), "model.safetensors"))
    outcome = kit.clone().execute(CloneRequest("org/Broken", "broken"))
    assert (outcome.healthy, outcome.health_reason) == (False, "No model weights found")
    assert (kit.home / "broken" / "config.json").is_file()
    unchecked = kit.clone().execute(CloneRequest("org/Broken", "unchecked", health_check=False))
    assert (unchecked.healthy, unchecked.health_reason) == (None, None)


def test_a_model_that_can_have_no_hash_is_cloned_with_a_warning(kit: WorkspaceKit) -> None:
    CacheBuilder(kit.cache).add("org/Cut", {**text_model(), "model.safetensors": b"\0" * 20})
    outcome = kit.clone().execute(CloneRequest("org/Cut", "cut"))
    assert outcome.content_hash is None
    assert "model.safetensors" in outcome.warnings[0]
    assert "content_hash" not in json.loads((kit.home / "cut" / SENTINEL).read_text())


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../outside", "nowhere"])
def test_a_link_out_of_the_model_is_never_followed(kit: WorkspaceKit, target: str) -> None:
    (kit.root / "outside").write_text("secret")
    CacheBuilder(kit.cache).add("org/Sly", {**text_model(), "notes.txt": Link(target)})
    with pytest.raises(ModelUnhealthy, match=r"notes\.txt"):
        kit.clone().execute(CloneRequest("org/Sly", "sly"))
    assert not (kit.home / "sly").exists()
    assert leftovers(kit.home) == []


def test_a_workspace_is_cloned_with_its_origin_and_its_links(kit: WorkspaceKit) -> None:
    kit.clone().execute(CloneRequest(NAME, "first"))
    (kit.home / "first" / "alias.json").symlink_to("config.json")
    (kit.home / "first" / ".hf_cache").mkdir()
    (kit.home / "first" / ".hf_cache" / "x").write_text("runtime")
    outcome = kit.clone().execute(CloneRequest(str(kit.home / "first"), "second"))
    second = kit.home / "second"
    assert outcome.model == str(kit.home / "first")
    assert (second / "alias.json").readlink() == Path("config.json")
    assert not (second / ".hf_cache").exists()
    assert json.loads((second / SENTINEL).read_text())["source_repo"] == NAME


def test_the_built_in_model_can_be_cloned(kit: WorkspaceKit) -> None:
    outcome = kit.clone().execute(CloneRequest("demo", "demo-of-mine"))
    assert outcome.model == "mlxk/demo"
    assert outcome.healthy


def test_an_ambiguous_name_is_refused(kit: WorkspaceKit) -> None:
    CacheBuilder(kit.cache).add("org/Tiny-Chat-2", text_model())
    CacheBuilder(kit.cache).add("org/Tiny-Chat-3", text_model())
    with pytest.raises(AmbiguousModel):
        kit.clone().execute(CloneRequest("tiny-chat-", "x"))


def test_a_missing_model_comes_from_the_hub_and_no_cache_is_touched(tmp_path: Path, hub: HubServer) -> None:
    kit = WorkspaceKit(tmp_path, hub.endpoint)
    commit = hub.create(NAME, hub_files()).commit_of("main")
    outcome = kit.clone().execute(CloneRequest(NAME, "mine"))
    assert outcome.revision == commit
    assert outcome.healthy, outcome.health_reason
    assert outcome.copy_method is CopyMethod.MOVE
    assert outcome.fetched_bytes == sum(len(content) for content in hub_files().values())
    assert not kit.cache.exists()
    assert leftovers(kit.home) == []
    assert all(path.stat().st_nlink == 1 for path in (kit.home / "mine").iterdir())


def test_a_full_name_never_means_another_cached_model(tmp_path: Path, hub: HubServer) -> None:
    kit = WorkspaceKit(tmp_path, hub.endpoint)
    CacheBuilder(kit.cache).add("org/Tiny-Chat-Large", text_model())
    hub.create(NAME, hub_files())
    assert kit.clone().execute(CloneRequest(NAME, "mine")).model == NAME


@pytest.mark.parametrize(
    ("spec", "error"), [("org/Nothing", ModelNotFound), ("org/Closed", AccessDenied), ("nothing at all", MlxkError)]
)
def test_what_the_hub_refuses_leaves_nothing(tmp_path: Path, hub: HubServer, spec: str, error: type[MlxkError]) -> None:
    kit = WorkspaceKit(tmp_path, hub.endpoint)
    hub.create("org/Closed", hub_files(), gated="manual")
    with pytest.raises((error, ModelNotFound, AccessDenied)):
        kit.clone().execute(CloneRequest(spec, "mine"))
    assert tree_of(kit.home) == {}


def test_an_interrupted_download_goes_on_from_its_bytes(tmp_path: Path, hub: HubServer) -> None:
    kit = WorkspaceKit(tmp_path, hub.endpoint)
    files = {**hub_files(), "extra.bin": bytes(range(256)) * 32_000}
    hub.create(NAME, files)
    hub.fail("extra.bin", method="GET", cut_after=5_000_000)
    hub.fail("extra.bin", method="GET", status=503, times=50)
    with pytest.raises(DownloadFailed):
        kit.clone().execute(CloneRequest(NAME, "mine"))
    assert not (kit.home / "mine").exists()
    assert len(leftovers(kit.home)) == 1
    hub.faults.clear()
    hub.traffic.forget()
    kit.clone().execute(CloneRequest(NAME, "mine"))
    assert set(hub.traffic.bytes_sent) == {f"{NAME}/extra.bin"}
    assert hub.traffic.bytes_sent[f"{NAME}/extra.bin"] < len(files["extra.bin"])
    assert leftovers(kit.home) == []


class Unlucky:
    """FileCopier that fails at the n-th file."""

    def __init__(self, at: int, fault: BaseException) -> None:
        self._left = at
        self._fault = fault

    def copy(self, source: Path, target: Path, progress: OnBytes) -> CopyMethod:
        from adapters.copying.plain import PlainCopier

        self._left -= 1
        if self._left < 0:
            raise self._fault
        return PlainCopier().copy(source, target, progress)


def test_an_error_while_copying_leaves_nothing(kit: WorkspaceKit) -> None:
    with pytest.raises(DiskFull):
        kit.clone(copier=Unlucky(2, DiskFull("full"))).execute(CloneRequest(NAME, "mine"))
    assert tree_of(kit.home) == {}


def test_after_ctrl_c_the_same_command_copies_only_the_rest(kit: WorkspaceKit) -> None:
    with pytest.raises(KeyboardInterrupt):
        kit.clone(copier=Unlucky(2, KeyboardInterrupt())).execute(CloneRequest(NAME, "mine"))
    assert not (kit.home / "mine").exists()
    files = len([path for path in (next(kit.cache.glob("*/snapshots/*"))).rglob("*") if not path.is_dir()])
    kit.clone(copier=Unlucky(files - 2, AssertionError("copied more than the rest"))).execute(
        CloneRequest(NAME, "mine")
    )
    assert kit.state(kit.home / "mine").cleanliness is Cleanliness.CLEAN  # type: ignore[union-attr]
    assert leftovers(kit.home) == []


def test_what_was_copied_of_another_revision_is_not_used(kit: WorkspaceKit) -> None:
    """Not even where size and time are the same."""
    old = next(kit.cache.glob("*/snapshots/*")) / "README.md"
    with pytest.raises(KeyboardInterrupt):
        kit.clone(copier=Unlucky(2, KeyboardInterrupt())).execute(CloneRequest(NAME, "mine"))
    other = old.read_text().replace("A model", "B model")
    new = CacheBuilder(kit.cache).add(NAME, {**text_model(), "README.md": other}, revision="b" * 40) / "README.md"
    times = old.stat()
    os.utime(new.resolve(), ns=(times.st_atime_ns, times.st_mtime_ns))
    outcome = kit.clone().execute(CloneRequest(NAME, "mine"))
    assert outcome.revision == "b" * 40
    assert (kit.home / "mine" / "README.md").read_text() == other


def test_a_lock_on_a_folder_that_its_owner_has_removed_is_not_taken_for_one(
    kit: WorkspaceKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: list[int] = []

    def lock(descriptor: int, kind: int) -> None:
        if not locked:
            next(kit.home.glob(".mlxk*")).rmdir()
        locked.append(descriptor)
        flock(descriptor, kind)

    flock = fcntl.flock
    monkeypatch.setattr("adapters.workspace_files.staging.fcntl.flock", lock)
    kit.clone().execute(CloneRequest(NAME, "mine"))
    assert len(locked) >= 2
    assert leftovers(kit.home) == []


def test_a_foreign_folder_with_the_name_of_the_temp_folder_is_left_alone(kit: WorkspaceKit) -> None:
    with pytest.raises(KeyboardInterrupt):
        kit.clone(copier=Unlucky(0, KeyboardInterrupt())).execute(CloneRequest(NAME, "mine"))
    [name] = leftovers(kit.home)
    (kit.home / name / ".mlxk2_temp_cache_sentinel").unlink()
    (kit.home / name / "precious").write_text("mine")
    with pytest.raises(Conflict, match="sentinel"):
        kit.clone().execute(CloneRequest(NAME, "mine"))
    assert (kit.home / name / "precious").read_text() == "mine"


def test_something_that_appears_at_the_target_meanwhile_is_kept(kit: WorkspaceKit) -> None:
    def appear(progress: WorkProgress) -> None:
        if progress.stage is Stage.CHECKING:
            (kit.home / "mine").mkdir()
            (kit.home / "mine" / "precious").write_text("mine")

    with pytest.raises(Conflict):
        kit.clone().execute(CloneRequest(NAME, "mine"), appear)
    assert tree_of(kit.home).keys() == {"mine", "mine/precious"}


def _clone_slowly(root: Path, holding: Event, go_on: Event) -> None:
    def hold(progress: WorkProgress) -> None:
        if progress.stage is Stage.HASHING:
            holding.set()
            go_on.wait(30)

    WorkspaceKit(root).clone().execute(CloneRequest(NAME, "mine"), hold)


def test_of_two_clones_to_one_target_one_finishes_and_the_other_is_told(kit: WorkspaceKit) -> None:
    context = multiprocessing.get_context("spawn")
    holding, go_on = context.Event(), context.Event()
    other = context.Process(target=_clone_slowly, args=(kit.root, holding, go_on))
    other.start()
    try:
        assert holding.wait(30)
        with pytest.raises(Conflict, match="another mlxk"):
            kit.clone().execute(CloneRequest(NAME, "mine"))
    finally:
        go_on.set()
        other.join(30)
    assert other.exitcode == 0
    assert kit.state(kit.home / "mine").cleanliness is Cleanliness.CLEAN  # type: ignore[union-attr]
    with pytest.raises(Conflict, match="is there already"):
        kit.clone().execute(CloneRequest(NAME, "mine"))
    assert leftovers(kit.home) == []


def test_on_a_filesystem_that_can_a_clone_shares_its_bytes(tmp_path: Path) -> None:
    with loop_disk("btrfs", tmp_path) as disk:
        kit = WorkspaceKit(disk)
        CacheBuilder(kit.cache).add(NAME, text_model())
        assert kit.clone().execute(CloneRequest(NAME, "mine")).copy_method is CopyMethod.REFLINK


def test_a_full_disk_leaves_nothing_and_a_later_try_succeeds(tmp_path: Path) -> None:
    kit = WorkspaceKit(tmp_path)
    CacheBuilder(kit.cache).add(NAME, {**text_model(), "big.bin": bytes(20 << 20)})
    with loop_disk("ext4", tmp_path) as disk:
        before = tree_of(disk)
        with pytest.raises(DiskFull) as caught:
            kit.clone().execute(CloneRequest(NAME, str(disk / "mine")))
        assert caught.value.hint
        assert tree_of(disk) == before
    assert issubclass(DiskFull, DownloadFailed)
