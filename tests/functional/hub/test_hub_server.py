"""The test hub is a hub: the real huggingface_hub client reads from it, writes to it and meets its refusals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from tests.support.hub_server import HubServer

WEIGHTS = bytes(range(256)) * 1200
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "sub/folder/notes.txt": b"hello"}


def pulled(hub: HubServer, name: str, cache: Path, token: str | bool = False) -> Path:
    return Path(snapshot_download(name, cache_dir=cache, endpoint=hub.endpoint, token=token))


def test_snapshot_download_brings_every_file(hub: HubServer, tmp_path: Path) -> None:
    hub.create("acme/model", FILES)
    folder = pulled(hub, "acme/model", tmp_path / "cache")
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES
    assert hub.traffic.bytes_sent["acme/model/model.safetensors"] == len(WEIGHTS)


def test_a_tree_of_many_pages_is_listed_whole(hub: HubServer) -> None:
    hub.app.config["TREE_PAGE"] = 3
    hub.create("acme/many", {f"folder{n}/file.txt": b"x" for n in range(5)})
    entries = HfApi(endpoint=hub.endpoint, token=False).list_repo_tree("acme/many", recursive=True)
    assert sum(entry.path.endswith("file.txt") for entry in entries) == 5


def test_model_info_carries_files_and_parameters(hub: HubServer) -> None:
    header = b'{"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]}}'
    hub.create("acme/model", {"model.safetensors": len(header).to_bytes(8, "little") + header + bytes(12)}, likes=7)
    info = HfApi(endpoint=hub.endpoint, token=False).model_info("acme/model", files_metadata=True)
    assert info.likes == 7
    assert info.safetensors is not None
    assert info.safetensors.parameters == {"F16": 6}
    assert info.siblings is not None
    assert info.siblings[0].lfs is not None


@pytest.mark.parametrize(
    ("fields", "token", "error"),
    [
        ({"private": True}, False, RepositoryNotFoundError),
        ({"private": True}, "hf_other", RepositoryNotFoundError),
        ({"gated": "manual"}, False, GatedRepoError),
        ({"gated": "manual"}, "hf_other", GatedRepoError),
    ],
)
def test_closed_repositories_refuse_strangers(
    hub: HubServer, tmp_path: Path, fields: dict[str, object], token: str | bool, error: type[Exception]
) -> None:
    hub.create("acme/closed", FILES, **fields)
    with pytest.raises(error):
        pulled(hub, "acme/closed", tmp_path / "cache", token)
    assert (pulled(hub, "acme/closed", tmp_path / "cache", "hf_acme") / "config.json").read_bytes() == b"{}"


def test_what_is_missing_is_named(hub: HubServer, tmp_path: Path) -> None:
    hub.create("acme/model", FILES)
    with pytest.raises(RepositoryNotFoundError):
        pulled(hub, "acme/nothing", tmp_path)
    with pytest.raises(RevisionNotFoundError):
        snapshot_download("acme/model", revision="nope", cache_dir=tmp_path, endpoint=hub.endpoint, token=False)
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("acme/model", "nope.txt", cache_dir=tmp_path, endpoint=hub.endpoint, token=False)


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
def test_upload_folder_makes_a_repository_a_branch_and_a_commit(hub: HubServer, tmp_path: Path) -> None:
    hub.app.config["LFS_PART"] = 100_000
    source = tmp_path / "source"
    for path, content in FILES.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_bytes(content)
    api = HfApi(endpoint=hub.endpoint, token="hf_acme")
    api.create_repo("acme/mine", private=True)
    api.create_branch("acme/mine", branch="draft")
    commit = api.upload_folder(repo_id="acme/mine", folder_path=source, revision="draft")
    files = hub.store.repositories["acme/mine"].files("draft")
    assert files["model.safetensors"].sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert files["model.safetensors"].lfs
    assert set(FILES) <= set(files)
    again = api.upload_folder(repo_id="acme/mine", folder_path=source, revision="draft")
    assert again.oid == commit.oid, "a commit without a change keeps the head"


def test_a_hub_restarted_on_its_folder_knows_its_repositories(hub: HubServer, tmp_path: Path) -> None:
    hub.create("acme/model", FILES)
    with HubServer(hub.store.folder) as again:
        folder = pulled(again, "acme/model", tmp_path / "cache")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_a_cut_connection_a_busy_answer_and_a_flipped_byte_come_on_demand(hub: HubServer, tmp_path: Path) -> None:
    hub.create("acme/model", FILES)
    hub.fail("config.json", status=429, retry_after=0, method="GET")
    hub.fail("model.safetensors", corrupt=True, method="GET")
    folder = pulled(hub, "acme/model", tmp_path / "cache")
    arrived = (folder / "model.safetensors").read_bytes()
    assert len(arrived) == len(WEIGHTS)
    assert arrived != WEIGHTS
    hub.fail("model.safetensors", cut_after=70_000, method="GET")
    hub.traffic.forget()
    pulled(hub, "acme/model", tmp_path / "other")
    assert hub.traffic.count("GET", "model.safetensors") == 2
    assert hub.traffic.bytes_sent["acme/model/model.safetensors"] == 70_000 + len(WEIGHTS)


def test_a_range_is_answered_with_exactly_its_bytes(hub: HubServer) -> None:
    hub.create("acme/model", FILES)
    address = f"{hub.endpoint}/acme/model/resolve/main/model.safetensors"
    answer = get_session().get(address, headers={"Range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.content == WEIGHTS[10:20]
    assert answer.headers["ETag"] == answer.headers["X-Linked-Etag"]
