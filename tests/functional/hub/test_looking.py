"""search, show --remote, outdated and verify as use cases."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from application.hub.find_outdated import Currency
from application.hub.pull_model import PullRequest
from container import Container
from domain.errors import AccessDenied, InvalidRequest
from domain.hub.search import SearchQuery
from domain.hub.verification import FileState
from entrypoints.settings import load_settings
from tests.support.hub_pulls import contents
from tests.support.hub_server import HubServer

NAME = "acme/model"


def pull(house: Container, spec: str = NAME, **fields: Any) -> Path:
    outcome = house.pull_model().execute(PullRequest(spec, **fields))
    return Path(outcome.path)


def test_search_tells_which_models_run_here_without_their_weights(
    hub: HubServer, house: Container, demo_files: dict[str, bytes], strange_files: dict[str, bytes]
) -> None:
    hub.create("acme/model-good", demo_files, downloads=10, likes=3)
    hub.create("acme/model-strange", strange_files, downloads=20)
    hub.create("acme/model-closed", demo_files, downloads=5, gated="manual")
    hub.create("acme/other", demo_files)
    hits = house.search_hub().execute(SearchQuery("model"))
    assert [hit.model.name for hit in hits] == ["acme/model-strange", "acme/model-good", "acme/model-closed"]
    strange, good, closed = hits
    assert good.detail is not None
    assert good.detail.report.runtime_compatible
    assert good.detail.report.size_bytes == sum(map(len, demo_files.values()))
    assert good.model.likes == 3
    assert strange.detail is not None
    assert "unheard_of" in (strange.detail.report.reason or "")
    assert closed.detail is None
    assert "gated" in (closed.problem or "")
    assert hub.traffic.bytes_sent["acme/model-good/model.safetensors"] == 64 * 1024


def test_search_wants_words_and_a_sensible_limit() -> None:
    for words, limit in (("", 5), ("x", 0), ("x", 101)):
        with pytest.raises(InvalidRequest):
            SearchQuery(words, limit)


def test_a_sketch_judges_a_remote_model_as_the_pulled_one_is_judged(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    other = demo_files["model.safetensors"][:-1] + b"x"
    many = {**demo_files, "extra-00002.safetensors": other, "tiny.safetensors": b"version"}
    hub.create(NAME, many)
    remote = house.show_remote().execute(NAME).detail.report
    pull(house)
    here = house.show_model().execute(NAME).report
    for field in ("framework", "model_type", "capabilities", "healthy", "health_reason", "reason", "size_bytes"):
        assert getattr(remote, field) == getattr(here, field), field


def test_show_remote_of_a_closed_model_says_so(hub: HubServer, house: Container) -> None:
    hub.create(NAME, {"config.json": b"{}"}, private=True)
    with pytest.raises(AccessDenied):
        house.show_remote().execute(NAME)


def test_outdated_compares_each_model_with_the_hub(
    hub: HubServer, house: Container, demo_files: dict[str, bytes]
) -> None:
    for name in ("acme/one", "acme/two", "acme/three"):
        hub.create(name, demo_files)
        pull(house, name)
    hub.store.commit(hub.store.repositories["acme/two"], {"README.md": b"new"})
    hub.store.drop("acme/three")
    entries = house.find_outdated().execute()
    assert {entry.name: entry.state for entry in entries} == {
        "acme/one": Currency.CURRENT,
        "acme/two": Currency.OUTDATED,
        "acme/three": Currency.UNKNOWN,
    }
    assert [entry.name for entry in house.find_outdated().execute("TWO")] == ["acme/two"]
    pull(house, "acme/two@main")
    assert house.find_outdated().execute("two")[0].state is Currency.CURRENT


def test_verify_finds_what_is_damaged_online_and_offline(
    hub: HubServer, house: Container, cache: Path, demo_files: dict[str, bytes]
) -> None:
    hub.create(NAME, demo_files)
    folder = pull(house)
    verified = house.verify_model().execute(NAME)
    assert verified.sound
    assert verified.complete
    assert verified.source == hub.endpoint
    etag = hashlib.sha256(demo_files["model.safetensors"]).hexdigest()
    damaged = bytearray(demo_files["model.safetensors"])
    damaged[-1] ^= 1
    (cache / "models--acme--model" / "blobs" / etag).write_bytes(damaged)
    hub.traffic.forget()
    verified = house.verify_model().execute(NAME, offline=True)
    assert hub.traffic.requests == []
    assert verified.source == "recorded"
    assert {check.path for check in verified.checks if check.damaged} == {"model.safetensors"}
    (folder / "config.json").unlink()
    states = {check.path: check.state for check in house.verify_model().execute("model").checks}
    assert states["config.json"] is FileState.MISSING
    shutil.rmtree(cache / "models--acme--model" / "trees")
    with pytest.raises(InvalidRequest, match="recorded"):
        house.verify_model().execute(NAME, offline=True)
    with pytest.raises(InvalidRequest, match="hub"):
        house.verify_model().execute("demo")


def test_a_folder_is_a_hub_in_both_layouts(
    hub: HubServer,
    house: Container,
    environ: dict[str, str],
    tmp_path: Path,
    demo_files: dict[str, bytes],
    make_hub: Callable[[], HubServer],
) -> None:
    hub.create(NAME, demo_files)
    pulled = pull(house)
    plain = tmp_path / "mirror" / "org" / "plain"
    plain.mkdir(parents=True)
    for path, content in demo_files.items():
        (plain / path).write_bytes(content)
    (tmp_path / "mirror" / "models--acme--model").symlink_to(pulled.parents[1])
    mirror = (tmp_path / "mirror").as_uri()
    elsewhere = Container(settings=load_settings({}, {**environ, "HF_HOME": str(tmp_path / "other")}))
    hub.traffic.forget()
    again = pull(elsewhere, NAME, hub=mirror)
    assert again.name == pulled.name, "a cache keeps its commits"
    assert contents(again) == demo_files
    assert contents(pull(elsewhere, "org/plain", hub=mirror)) == demo_files
    assert elsewhere.verify_model().execute("org/plain", offline=True).complete
    hits = elsewhere.search_hub().execute(SearchQuery("plain"), mirror)
    assert hits[0].detail is not None
    assert hits[0].detail.report.runtime_compatible
    assert hub.traffic.requests == []


def test_a_folder_hub_gives_nothing_from_outside_itself(
    house: Container, tmp_path: Path, demo_files: dict[str, bytes]
) -> None:
    folder = tmp_path / "mirror" / "org" / "name"
    folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "config.json").symlink_to(tmp_path / "secret")
    from domain.errors import DownloadRefused, ModelNotFound

    with pytest.raises(DownloadRefused):
        pull(house, "org/name", hub=(tmp_path / "mirror").as_uri())
    with pytest.raises(ModelNotFound):
        pull(house, "org/nothing", hub=(tmp_path / "mirror").as_uri())
    with pytest.raises(ModelNotFound):
        pull(house, "org/name", hub="file:///no/such/folder")


@pytest.mark.parametrize("address", ["ftp://x", "x", "http://", "http://user:secret@host", ""])
def test_an_address_that_is_no_hub_is_refused_without_showing_credentials(house: Container, address: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        pull(house, hub=address or "?")
    assert "secret" not in refused.value.message
