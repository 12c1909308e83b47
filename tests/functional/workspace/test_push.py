"""Push, through the real client to a real hub on loopback."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from application.workspace.clone_model import CloneRequest
from application.workspace.convert_model import ConversionRequest
from application.workspace.push_workspace import NO_CHANGES, PushOutcome, PushRequest, require_privacy_choice
from domain.catalog.location import LocatedModel, ModelSource
from domain.errors import (
    AmbiguousModel,
    Conflict,
    InvalidRequest,
    MlxkError,
    ModelUnhealthy,
    PushFailed,
    RepoNotFound,
    TokenMissing,
    UploadFailed,
    WorkspaceNotFound,
)
from domain.workspace.conversion import ConversionWish
from domain.workspace.push import ChangeSet
from domain.workspace.sentinel import SENTINEL
from tests.support.hub_server import HubServer
from tests.support.model_zoo.content import text_model
from tests.support.model_zoo.places import CacheBuilder, add_workspace
from tests.support.workspace_kit import WorkspaceKit, tree_of

# The hub's own client uploads large files in a way that its HTTP library has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
REPO = "me/Mine"
NAMES = {"README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


@pytest.fixture
def kit(tmp_path: Path, hub: HubServer) -> WorkspaceKit:
    made = WorkspaceKit(tmp_path, hub.endpoint, "hf_me")
    CacheBuilder(made.cache).add("org/Source", text_model())
    made.clone().execute(CloneRequest("org/Source", "ws"))
    return made


def push(kit: WorkspaceKit, local: str = "ws", repo: str = REPO, *, private: bool = True, **fields: Any) -> PushOutcome:
    return kit.push().execute(PushRequest(local, repo, private, **fields))


def remote(hub: HubServer, branch: str = "main") -> set[str]:
    return set(hub.store.repositories[REPO].files(branch)) - {".gitattributes"}


def test_a_workspace_reaches_a_new_private_repository_whole_and_nothing_else_does(
    kit: WorkspaceKit, hub: HubServer
) -> None:
    folder = kit.home / "ws"
    for junk in (".hf_cache/x", ".git/config", ".env", "token", "a.pyc", "__pycache__/b", ".DS_Store", "notes/secret"):
        (folder / junk).parent.mkdir(exist_ok=True)
        (folder / junk).write_text("not for others")
    (folder / ".hfignore").write_text("# mine\nnotes/\n!.env\n!.git/\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "kept.txt").write_text("kept")
    before = tree_of(folder)
    outcome = push(kit, create=True, message="first words")
    assert remote(hub) == NAMES | {"sub/kept.txt"}
    repository = hub.store.repositories[REPO]
    assert repository.private
    assert repository.files()["model.safetensors"].lfs
    assert outcome.commit is not None
    assert repository.commit_of("main") == outcome.commit.sha
    assert repository.messages[outcome.commit.sha] == "first words"
    assert outcome.commit.url.startswith(hub.endpoint)
    assert (outcome.created_repo, outcome.no_changes, outcome.local_files) == (True, False, 6)
    assert outcome.changes == ChangeSet(added=tuple(sorted(NAMES | {"sub/kept.txt"})))
    assert tree_of(folder) == before


def test_a_second_push_changes_nothing_and_sends_nothing(kit: WorkspaceKit, hub: HubServer) -> None:
    push(kit, create=True)
    head = hub.store.repositories[REPO].commit_of("main")
    hub.traffic.forget()
    outcome = push(kit)
    assert (outcome.no_changes, outcome.commit, outcome.message) == (True, None, NO_CHANGES)
    assert hub.store.repositories[REPO].commit_of("main") == head
    assert not [each for each in hub.traffic.requests if each.method in ("POST", "PUT")]


def test_changes_are_told_by_content(kit: WorkspaceKit, hub: HubServer) -> None:
    push(kit, create=True)
    folder = kit.home / "ws"
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("llama", "LLAMA"))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "new.txt").write_text("new")
    (folder / "README.md").unlink()
    (folder / "tokenizer.json").touch()
    expected = ChangeSet(("new.txt",), ("config.json", "model.safetensors"), ("README.md",))
    dry = push(kit, dry_run=True)
    assert dry.changes == expected
    assert dry.commit is None
    assert remote(hub) == NAMES
    outcome = push(kit)
    assert outcome.changes == expected
    assert remote(hub) == (NAMES | {"new.txt"}) - {"README.md"}
    assert push(kit).no_changes


def test_a_public_repository_is_never_given_what_is_meant_to_be_private(kit: WorkspaceKit, hub: HubServer) -> None:
    hub.create(REPO, {"config.json": b"{}"})
    hub.traffic.forget()
    with pytest.raises(PushFailed, match="public"):
        push(kit)
    assert not [each for each in hub.traffic.requests if each.method in ("POST", "PUT")]
    assert remote(hub) == {"config.json"}
    assert push(kit, private=False).commit is not None


def test_a_hub_that_makes_a_public_repository_instead_gets_no_byte(
    kit: WorkspaceKit, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = hub.store.create

    def publicly(name: str, **_: object) -> object:
        return create(name, private=False)

    monkeypatch.setattr(hub.store, "create", publicly)
    with pytest.raises(PushFailed, match="public"):
        push(kit, create=True)
    assert remote(hub) == set()
    assert not [each for each in hub.traffic.requests if "preupload" in each.path or "lfs" in each.path]


def test_a_private_repository_stays_private_under_public(kit: WorkspaceKit, hub: HubServer) -> None:
    hub.create(REPO, {"config.json": b"{}"}, private=True)
    outcome = push(kit, private=False)
    assert "private" in outcome.warnings[0]
    assert hub.store.repositories[REPO].private


@pytest.mark.parametrize(("private", "public", "answer"), [(True, False, True), (False, True, False)])
def test_one_of_private_and_public_is_said(private: bool, public: bool, answer: bool) -> None:
    assert require_privacy_choice(private=private, public=public) is answer
    with pytest.raises(InvalidRequest, match="--private or --public"):
        require_privacy_choice(private=private, public=private)


def test_a_missing_repository_needs_create(kit: WorkspaceKit, hub: HubServer) -> None:
    with pytest.raises(RepoNotFound, match=REPO):
        push(kit)
    assert REPO not in hub.store.repositories
    dry = push(kit, dry_run=True)
    assert (dry.would_create_repo, dry.changes) == (True, ChangeSet(added=tuple(sorted(NAMES))))
    assert REPO not in hub.store.repositories


@pytest.mark.parametrize("create", [True, False])
def test_a_missing_branch_is_made(kit: WorkspaceKit, hub: HubServer, create: bool) -> None:
    hub.create(REPO, {"config.json": b"{}"}, private=True)
    assert push(kit, branch="draft", dry_run=True).would_create_branch
    push(kit, branch="draft", create=create)
    assert remote(hub, "draft") == NAMES
    assert remote(hub) == {"config.json"}


def test_large_files_go_in_parts(kit: WorkspaceKit, hub: HubServer) -> None:
    hub.app.config["LFS_PART"] = 100_000
    (kit.home / "ws" / "big.bin").write_bytes(bytes(range(256)) * 2000)
    push(kit, create=True)
    assert hub.store.repositories[REPO].files()["big.bin"].size_bytes == 512_000
    assert push(kit).no_changes


def test_without_a_token_only_a_check_is_possible(kit: WorkspaceKit, hub: HubServer) -> None:
    anonymous = WorkspaceKit(kit.root, hub.endpoint)
    with pytest.raises(TokenMissing, match="HF_TOKEN"):
        push(anonymous, create=True)
    hub.traffic.forget()
    outcome = push(anonymous, check_only=True)
    assert (outcome.health.healthy, outcome.health.files_count, outcome.health.weights_count) == (True, 5, 1)
    assert outcome.health.total_bytes == sum((kit.home / "ws" / name).stat().st_size for name in NAMES)
    assert outcome.changes is None
    assert hub.traffic.requests == []


@pytest.mark.parametrize(("token", "error"), [("wrong", TokenMissing), ("hf_other", (UploadFailed, RepoNotFound))])
def test_a_token_that_may_not_write_is_refused(
    kit: WorkspaceKit, hub: HubServer, token: str, error: type[MlxkError]
) -> None:
    hub.create(REPO, {"config.json": b"{}"})
    other = WorkspaceKit(kit.root, hub.endpoint, token)
    with pytest.raises(error) as caught:
        push(other, private=False)
    assert token not in str(caught.value)
    assert remote(hub) == {"config.json"}


@pytest.mark.parametrize("status", [403, 500])
def test_a_refused_commit_is_upload_failed(kit: WorkspaceKit, hub: HubServer, status: int) -> None:
    hub.create(REPO, {"config.json": b"{}"}, private=True)
    hub.fail("commit/main", status=status, times=20)
    with pytest.raises(UploadFailed, match=REPO):
        push(kit)
    assert remote(hub) == {"config.json"}


def test_an_unreachable_hub_is_upload_failed(kit: WorkspaceKit) -> None:
    with pytest.raises(UploadFailed, match="reached"):
        push(WorkspaceKit(kit.root, "http://127.0.0.1:9", "hf_me"), create=True)


@pytest.mark.parametrize("name", ["Mine", "a/b/c", "me/a--b", "./ws", "me/Mine@v1"])
def test_a_name_the_hub_would_not_take_is_refused(kit: WorkspaceKit, hub: HubServer, name: str) -> None:
    hub.traffic.forget()
    with pytest.raises(InvalidRequest):
        push(kit, repo=name, create=True)
    assert hub.traffic.requests == []


def test_a_cache_is_never_pushed(kit: WorkspaceKit) -> None:
    path = next(kit.cache.glob("*/snapshots/*"))
    with pytest.raises(InvalidRequest, match="cache"):
        push(kit, str(path), create=True)
    with pytest.raises(WorkspaceNotFound, match="Source"):
        push(kit, "org/Source", create=True)


def test_the_folder_is_found_by_path_name_or_unique_beginning(kit: WorkspaceKit) -> None:
    add_workspace(kit.home / "other-one", text_model())
    add_workspace(kit.home / "other-two", text_model())
    assert push(kit, str(kit.home / "other-o"), check_only=True).health.healthy
    assert push(kit, "./home/ws", check_only=True).health.healthy
    with pytest.raises(AmbiguousModel, match="2 workspaces"):
        push(kit, str(kit.home / "other-"), check_only=True)
    for missing in ("nothing", "./nothing", str(kit.home / "nothing")):
        with pytest.raises(WorkspaceNotFound):
            push(kit, missing, check_only=True)


@pytest.mark.parametrize(
    ("name", "content", "code", "healthy"),
    [
        ("config.json", "[", "config_invalid_json", False),
        ("model.safetensors", "", "empty_weight_file", False),
        ("model.safetensors.index.json", "{", "index_parse_error", False),
        ("half.partial", "x", "partial_marker", True),
        ("notes.txt", "hf_" + "a" * 34, "token_found", False),
    ],
)
def test_a_check_names_every_anomaly(kit: WorkspaceKit, name: str, content: str, code: str, healthy: bool) -> None:
    (kit.home / "ws" / name).write_text(content)
    health = push(kit, check_only=True).health
    assert code in {each.code for each in health.anomalies}
    assert health.healthy is healthy


def test_a_hub_token_in_a_file_stops_the_push(kit: WorkspaceKit, hub: HubServer) -> None:
    (kit.home / "ws" / "notes.txt").write_text("hf_" + "a" * 34)
    with pytest.raises(ModelUnhealthy, match=r"notes\.txt"):
        push(kit, create=True)
    assert REPO not in hub.store.repositories


def test_a_link_out_of_the_workspace_is_not_pushed(kit: WorkspaceKit, hub: HubServer) -> None:
    (kit.home / "ws" / "hosts.txt").symlink_to("/etc/hosts")
    with pytest.raises(ModelUnhealthy, match=r"hosts\.txt"):
        push(kit, create=True)
    assert REPO not in hub.store.repositories


def test_the_card_is_completed_only_when_asked(kit: WorkspaceKit, hub: HubServer) -> None:
    readme = kit.home / "ws" / "README.md"
    readme.write_text("---\nlicense: mit\ntags: [fun]\n---\n\n# Mine\n")
    offered = push(kit, create=True)
    assert offered.card is not None
    assert "license: mit\ntags: [fun]" in readme.read_text()
    added = [line for line in offered.card.lines() if line.startswith("+")]
    assert {"+- mlx", "+- chat", "+pipeline_tag: text-generation", "+base_model: org/Source"} <= set(added)
    push(kit, complete_card=True)
    assert readme.read_text().endswith("---\n\n# Mine\n")
    location = LocatedModel("ws", kit.home / "ws", ModelSource.WORKSPACE)
    facts = kit.stores.workspaces.read(location).readme
    assert facts.tags == ("fun", "mlx", "chat")
    assert push(kit).card is None


def test_while_it_is_pushed_a_workspace_may_be_converted_but_not_mended(kit: WorkspaceKit, hub: HubServer) -> None:
    hub.create(REPO, {"config.json": b"{}"}, private=True)
    held = threading.Event()
    hub.fail("preupload/main", hold=held)
    done: list[PushOutcome] = []
    thread = threading.Thread(target=lambda: done.append(push(kit)))
    thread.start()
    try:
        deadline = threading.Event()
        while not any("preupload" in each.path for each in hub.traffic.requests):
            assert not deadline.wait(0.05) or thread.is_alive()
        with pytest.raises(Conflict, match="another mlxk"):
            kit.doctor().fix("ws")
        request = ConversionRequest("ws", "copy", ConversionWish(repair_index=True))
        assert kit.convert().execute(request).healthy
    finally:
        held.set()
        thread.join(30)
    assert done[0].commit is not None
    assert SENTINEL not in remote(hub)


def test_a_branch_that_moved_meanwhile_is_a_conflict(kit: WorkspaceKit, hub: HubServer) -> None:
    hub.create(REPO, {"config.json": b"{}"}, private=True)
    held = threading.Event()
    hub.fail("preupload/main", hold=held)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            push(kit)
        except MlxkError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not any("preupload" in each.path for each in hub.traffic.requests):
        threading.Event().wait(0.05)
    add_workspace(kit.home / "other", {"config.json": {"model_type": "other"}})
    push(kit, "other")
    held.set()
    thread.join(30)
    assert isinstance(caught[0], Conflict)
