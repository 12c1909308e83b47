"""What every ModelHub promises, over HTTP and over a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from adapters.hub.directory_hub import DirectoryHub
from domain.errors import AccessDenied, DownloadFailed, ModelNotFound
from domain.hub.byte_ranges import Span
from domain.hub.remote_model import RemoteFile
from domain.hub.search import SearchQuery
from ports.hub import ContentChanged, ModelHub
from tests.support.hub_pulls import http_hub, pull
from tests.support.hub_server import HubServer

NAME = "acme/model"
WEIGHTS = bytes(range(256)) * 4000
FILES = {"config.json": b'{"a": 1}', "model.safetensors": WEIGHTS, "sub/notes.txt": b"hello"}


@contextmanager
def _http(folder: Path) -> Iterator[ModelHub]:
    with HubServer(folder) as server:
        server.create(NAME, FILES)
        yield http_hub(server.endpoint)


@contextmanager
def _plain_folder(folder: Path) -> Iterator[ModelHub]:
    for path, content in FILES.items():
        place = folder / NAME / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    yield DirectoryHub(folder)


@contextmanager
def _cache_folder(folder: Path) -> Iterator[ModelHub]:
    with HubServer(folder / "hub") as server:
        server.create(NAME, FILES)
        pull(server.endpoint, folder / "cache", NAME)
    yield DirectoryHub(folder / "cache")


@pytest.fixture(params=[_http, _plain_folder, _cache_folder], ids=["http", "folder", "cache"])
def hub(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModelHub]:
    make: Callable[[Path], AbstractContextManager[ModelHub]] = request.param
    with make(tmp_path) as made:
        yield made


def read_span(hub: ModelHub, path: str, span: Span) -> bytes:
    model = hub.describe(NAME, "main")
    file = model.file(path)
    assert file is not None
    with hub.open(model, file, span) as pieces:
        return b"".join(pieces)


def test_a_description_has_every_file_and_is_safe_to_write(hub: ModelHub) -> None:
    model = hub.describe(NAME, "main")
    model.require_safe()
    assert {file.path: file.size_bytes for file in model.files} == {path: len(each) for path, each in FILES.items()}
    assert model.revision == "main"
    assert hub.head(NAME, "main") == model.commit
    assert hub.describe(NAME, model.commit).files == model.files


@pytest.mark.parametrize("span", [(0, len(WEIGHTS)), (0, 1), (1000, 700_000), (len(WEIGHTS) - 1, len(WEIGHTS))])
def test_a_span_is_exactly_its_bytes(hub: ModelHub, span: tuple[int, int]) -> None:
    assert read_span(hub, "model.safetensors", Span(*span)) == WEIGHTS[slice(*span)]


def test_reading_stops_at_its_limit(hub: ModelHub) -> None:
    model = hub.describe(NAME, "main")
    weights = model.file("model.safetensors")
    assert weights is not None
    assert hub.read(model, weights, 100) == WEIGHTS[:100]
    config = model.file("config.json")
    assert config is not None
    assert hub.read(model, config, 10**9) == FILES["config.json"]


def test_what_is_not_there_is_not_found(hub: ModelHub) -> None:
    for name, revision in (("acme/other", "main"), (NAME, "no-such-revision")):
        with pytest.raises((ModelNotFound, AccessDenied)):
            hub.describe(name, revision)


def test_a_content_that_is_another_is_noticed(hub: ModelHub) -> None:
    model = hub.describe(NAME, "main")
    other = RemoteFile("config.json", 4, "e" * 40)
    with pytest.raises((ContentChanged, DownloadFailed)), hub.open(model, other, Span(0, 4)) as pieces:
        list(pieces)


def test_search_finds_by_parts_of_the_name(hub: ModelHub) -> None:
    assert [model.name for model in hub.search(SearchQuery("MOD acme", mlx_only=False))] == [NAME]
    assert hub.search(SearchQuery("zebra", mlx_only=False)) == ()


def test_a_stopped_hub_transfers_nothing_more(hub: ModelHub) -> None:
    model = hub.describe(NAME, "main")
    weights = model.file("model.safetensors")
    assert weights is not None
    hub.stop()
    with pytest.raises(DownloadFailed), hub.open(model, weights, Span(0, 10)) as pieces:
        list(pieces)
