"""A disk that is full: said with a typed error, nothing polluted, and gone on with once there is room."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.hub.hub_cache import HubCache
from domain.errors import DiskFull
from domain.hub.download_plan import FileSelection, plan_download
from domain.hub.pull import silent
from tests.support.hub_pulls import contents, http_hub, pull, until
from tests.support.hub_server import HubServer
from tests.support.loop_disk import loop_disk

NAME = "acme/model"
MIB = 1 << 20
FILES = {"config.json": b"{}", "model.safetensors": random.Random(3).randbytes(5 * MIB)}  # noqa: S311


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with loop_disk("ext4", tmp_path) as place:
        yield place


def test_a_model_that_does_not_fit_is_refused_before_a_byte_is_fetched(hub: HubServer, small_disk: Path) -> None:
    hub.create(NAME, FILES)
    model = http_hub(hub.endpoint).describe(NAME, "main")
    plan = plan_download(model, FileSelection(), HubCache(small_disk / "cache").state(model))
    with pytest.raises(DiskFull, match="free"):
        plan.require_space()
    assert hub.traffic.total_bytes == 0


def test_a_disk_that_fills_up_on_the_way_keeps_what_has_arrived(hub: HubServer, small_disk: Path) -> None:
    hub.create(NAME, FILES)
    cache = small_disk / "cache"
    filler = small_disk / "filler"
    with filler.open("wb") as stream:
        try:
            while True:
                stream.write(bytes(MIB))
                stream.flush()
        except OSError:
            stream.seek(0)
    with filler.open("r+b") as stream:
        stream.truncate(filler.stat().st_size - 3 * MIB)
    with pytest.raises(DiskFull, match="is full"):
        pull(hub.endpoint, cache, NAME)
    filler.unlink()
    until(lambda: hub.traffic.open_streams == 0, "the hub has noticed")
    sent = hub.traffic.total_bytes
    assert contents(pull(hub.endpoint, cache, NAME)) == FILES
    assert hub.traffic.total_bytes - sent < 5 * MIB, "it went on from what was there"


def test_another_model_on_a_full_disk_stays_as_it_was(hub: HubServer, small_disk: Path) -> None:
    hub.create("acme/first", {"config.json": b"{}"})
    hub.create(NAME, {"model.safetensors": FILES["model.safetensors"] * 4})
    cache = small_disk / "cache"
    first = pull(hub.endpoint, cache, "acme/first")
    far = http_hub(hub.endpoint)
    keeper = HubCache(cache)
    model = far.describe(NAME, "main")
    with pytest.raises(DiskFull):
        keeper.fetch(plan_download(model, FileSelection(), keeper.state(model)), far, silent)
    assert contents(first) == {"config.json": b"{}"}
