"""The hub's fixtures for every test of this folder, and a house whose cache and hub are its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.builtin_model import builtin_model_folder
from container import Container
from entrypoints.settings import load_settings
from tests.support.hub_server import HubServer
from tests.support.hub_server.fixtures import hub, make_hub, quiet_huggingface_hub
from tests.support.isolated_cache import IsolatedCache

__all__ = ["hub", "make_hub", "quiet_huggingface_hub"]


@pytest.fixture(scope="session")
def demo_files() -> dict[str, bytes]:
    """The files of a model that runs here: the built-in one."""
    folder = Path(builtin_model_folder())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def strange_files(demo_files: dict[str, bytes]) -> dict[str, bytes]:
    """The same with a model type that nobody has heard of."""
    config = json.loads(demo_files["config.json"])
    config["model_type"] = "unheard_of"
    return {**demo_files, "config.json": json.dumps(config).encode()}


@pytest.fixture
def cache(isolated_cache: IsolatedCache) -> Path:
    return isolated_cache.hub


@pytest.fixture
def environ(hub: HubServer, tmp_path: Path, isolated_cache: IsolatedCache) -> dict[str, str]:
    return {
        "HOME": str(tmp_path),
        "HF_HOME": str(isolated_cache.home),
        "MLXK2_STRICT_TEST_DELETE": "1",
        "XDG_CACHE_HOME": str(tmp_path / "xdg"),
        "HF_ENDPOINT": hub.endpoint,
    }


@pytest.fixture
def house(environ: dict[str, str]) -> Container:
    return Container(settings=load_settings({}, environ))
