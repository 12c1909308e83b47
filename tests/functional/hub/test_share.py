"""`mlxk serve --share`: the real server as a hub for huggingface_hub and for another mlxk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from application.hub.pull_model import PullRequest
from container import Container
from domain.errors import AccessDenied
from domain.hub.pull import PullStatus
from domain.hub.search import SearchQuery
from entrypoints.settings import load_settings
from tests.support.hub_pulls import ROOT, contents, pull
from tests.support.hub_server import HubServer

NAME = "acme/model"
KEY = "the-key-of-this-server"


def serving(environ: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """`mlxk serve` on a free port, as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "mlxk", "serve", "--port", "0", "--json", *options],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def address_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "}":
            return str(json.loads(text)["data"]["url"])
    raise AssertionError(f"the server ended: {text}")


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


@pytest.fixture
def shared(hub: HubServer, environ: dict[str, str], cache: Path, demo_files: dict[str, bytes]) -> Iterator[str]:
    """The address of a server that shares a cache with one model."""
    hub.create(NAME, demo_files)
    pull(hub.endpoint, cache, NAME)
    hub.traffic.forget()
    process = serving(environ, "--share")
    try:
        yield address_of(process)
    finally:
        end(process)


def test_huggingface_hub_pulls_from_a_sharing_server(
    shared: str, hub: HubServer, tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    folder = Path(snapshot_download(NAME, cache_dir=tmp_path / "theirs", endpoint=shared, token=False))
    assert contents(folder) == demo_files
    assert folder.name == hub.store.repositories[NAME].branches["main"], "the commit is the hub's own"
    assert hub.traffic.requests == []
    with pytest.raises(RepositoryNotFoundError):
        snapshot_download("acme/other", cache_dir=tmp_path, endpoint=shared, token=False)
    with pytest.raises(RevisionNotFoundError):
        HfApi(endpoint=shared, token=False).model_info(NAME, revision="nope")
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download(NAME, "nope.txt", cache_dir=tmp_path, endpoint=shared, token=False)
    beginning = get_session().get(f"{shared}/{NAME}/resolve/main/model.safetensors", headers={"Range": "bytes=8-15"})
    assert (beginning.status_code, beginning.content) == (206, demo_files["model.safetensors"][8:16])
    outside = get_session().get(f"{shared}/{NAME}/resolve/main/..%2f..%2frefs%2fmain")
    assert outside.status_code == 404


def test_another_mlxk_searches_and_pulls_from_it(
    shared: str, environ: dict[str, str], tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    other = Container(settings=load_settings({}, {**environ, "HF_HOME": str(tmp_path / "other")}))
    (hit,) = other.search_hub().execute(SearchQuery("model", mlx_only=False), shared)
    assert hit.detail is not None
    assert hit.detail.report.runtime_compatible
    outcome = other.pull_model().execute(PullRequest(NAME, shared))
    assert outcome.status is PullStatus.SUCCESS
    assert contents(Path(outcome.path)) == demo_files


def test_where_keys_are_wanted_they_are_sent_as_a_hubs_token(
    hub: HubServer, environ: dict[str, str], cache: Path, demo_files: dict[str, bytes], tmp_path: Path
) -> None:
    hub.create(NAME, demo_files)
    pull(hub.endpoint, cache, NAME)
    process = serving({**environ, "MLXK_API_KEY": KEY}, "--share")
    try:
        address = address_of(process)
        folder = Path(snapshot_download(NAME, cache_dir=tmp_path / "theirs", endpoint=address, token=KEY))
        assert contents(folder) == demo_files
        ours = {**environ, "HF_HOME": str(tmp_path / "ours")}
        keyed = Container(settings=load_settings({}, {**ours, "HF_TOKEN": KEY, "HF_ENDPOINT": address}))
        assert keyed.pull_model().execute(PullRequest(NAME)).status is PullStatus.SUCCESS
        for token in (False, "some-other-key"):
            with pytest.raises(HfHubHTTPError) as refused:
                HfApi(endpoint=address, token=token).model_info(NAME)
            assert refused.value.response.status_code == 401
        with pytest.raises(AccessDenied):
            Container(settings=load_settings({}, ours)).show_remote().execute(NAME, address)
    finally:
        end(process)


def test_nothing_is_shared_unless_asked_for(environ: dict[str, str]) -> None:
    process = serving(environ)
    try:
        answer = get_session().get(f"{address_of(process)}/api/models/{NAME}")
        assert answer.status_code == 404
        assert "X-Error-Code" not in answer.headers
    finally:
        end(process)
