"""Fixtures of the groups that a hub or a damaged model is for. Without a real hub a local one stands in; without a
model of the user's, a miniature does. What the environment asks for and cannot be had is a skip with its reason.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adapters.builtin_model import builtin_model_folder
from tests.plugins.isolation import Isolation
from tests.plugins.portfolio import Portfolio
from tests.support import live_environment as asked
from tests.support.isolated_cache import IsolatedCache
from tests.support.live_cli import LiveHouse
from tests.support.live_environment import BadVariable, CopyRules, NotAsked
from tests.support.model_copy import chosen, copy_model, fetch_index, require_index, require_space, snapshot_of
from tests.support.portfolio.kinds import Kind, PortfolioModel
from tests.support.portfolio.sharded import NAME as SHARDED
from tests.support.portfolio.sharded import add_sharded

if TYPE_CHECKING:
    from tests.support.hub_server import HubServer

LOCAL_MODEL, LOCAL_REPO, LOCAL_TOKEN = "org/Chatty-bf16", "me/Mine-bf16", "hf_me"
# What can be wrong with a hub or the way there, and says nothing about mlxk.
HUB_FAULTS = frozenset(
    {
        "access_denied", "auth_error", "download_failed", "model_not_found", "push_operation_failed", "repo_not_found",
        "server_busy", "upload_failed",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HubGroup:
    """house: with the test's own cache. name: the model or repository there. folder: the workspace to push, or the
    folder that a clone goes to, which is not there yet. hub: the local one; None when a real one is asked.
    """

    house: LiveHouse
    name: str
    folder: Path
    hub: HubServer | None

    def envelope(self, *words: str, **environ: str) -> dict[str, Any]:
        """What mlxk says. When a real hub is at fault, the test is skipped with its diagnosis."""
        told = self.house.envelope(*words, **environ)
        self.judge(told)
        return told

    def judge(self, told: dict[str, Any]) -> None:
        """Skips for an envelope that tells of a fault of a real hub."""
        error = told["error"] or {}
        if self.hub is None and error.get("type") in HUB_FAULTS:
            hint = f" ({error['hint']})" if error.get("hint") else ""
            pytest.skip(f"the hub: {error['type']}: {error['message']}{hint}")


@contextmanager
def said() -> Iterator[None]:
    """Reasons of the environment become outcomes of the test."""
    try:
        yield
    except NotAsked as reason:
        pytest.skip(str(reason))
    except BadVariable as fault:
        pytest.fail(str(fault), pytrace=False)


@pytest.fixture
def hub_place(tmp_path: Path, isolated_cache: IsolatedCache) -> Callable[[str, str], LiveHouse]:
    """hub_place(endpoint, token): a home, and the test's own cache, from which that hub is asked."""

    def make(endpoint: str, token: str) -> LiveHouse:
        home = tmp_path / "home"
        home.mkdir()
        hub = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        return LiveHouse(home, isolated_cache.home, {**hub, **({"HF_TOKEN": token} if token else {})})

    return make


@pytest.fixture
def stand_in_hub(tmp_path: Path) -> Iterator[HubServer]:
    """A hub on loopback that has LOCAL_MODEL."""
    from tests.support.hub_server import HubServer  # Flask is for those that serve

    with HubServer(tmp_path / "stand-in-hub") as hub:
        source = Path(builtin_model_folder())
        hub.create(LOCAL_MODEL, {each.name: each.read_bytes() for each in source.iterdir() if each.is_file()})
        yield hub


@pytest.fixture
def push_target(request: pytest.FixtureRequest, hub_place: Callable[[str, str], LiveHouse]) -> HubGroup:
    """A workspace, and a repository to push it to."""
    with said():
        real = asked.real_push(os.environ)
    if real is not None:
        return HubGroup(hub_place(real.endpoint, real.token), real.repo, real.workspace, None)
    hub: HubServer = request.getfixturevalue("stand_in_hub")
    house = hub_place(hub.endpoint, LOCAL_TOKEN)
    workspace = house.home / "workspace"
    shutil.copytree(builtin_model_folder(), workspace)
    return HubGroup(house, LOCAL_REPO, workspace, hub)


@pytest.fixture
def clone_source(
    request: pytest.FixtureRequest, hub_place: Callable[[str, str], LiveHouse], isolation: Isolation
) -> Iterator[HubGroup]:
    """A model far away, and a folder for its clone, which is deleted afterwards when it is the user's."""
    with said():
        real = asked.real_clone(os.environ)
    if real is None:
        hub: HubServer = request.getfixturevalue("stand_in_hub")
        house = hub_place(hub.endpoint, LOCAL_TOKEN)
        yield HubGroup(house, LOCAL_MODEL, house.home / "clone", hub)
        return
    with clone_folder(real.workspace) as folder:
        yield HubGroup(hub_place(real.endpoint, real.token), real.model, folder, None)


@contextmanager
def clone_folder(workspace: Path) -> Iterator[Path]:
    """A name in the user's folder that nothing has; whatever has it afterwards is ours to delete."""
    if not workspace.is_dir():
        pytest.skip(f"MLXK2_LIVE_CLONE_WORKSPACE is {workspace}, which is no folder")
    folder = workspace / f"mlxk2_test_clone_{os.getpid()}"
    if os.path.lexists(folder):
        pytest.skip(f"{folder} is there already")
    try:
        yield folder
    finally:
        if folder.is_dir():
            shutil.rmtree(folder)


@pytest.fixture
def pull_source(request: pytest.FixtureRequest, hub_place: Callable[[str, str], LiveHouse]) -> HubGroup:
    """A model far away, for pulls that are interrupted. Its folder is where the cache will have it."""
    with said():
        real = asked.real_pull(os.environ)
    if real is not None:
        house = hub_place(real.endpoint, real.token)
        return HubGroup(house, real.model, _cached(house, real.model), None)
    hub: HubServer = request.getfixturevalue("stand_in_hub")
    house = hub_place(hub.endpoint, LOCAL_TOKEN)
    return HubGroup(house, LOCAL_MODEL, _cached(house, LOCAL_MODEL), hub)


def _cached(house: LiveHouse, name: str) -> Path:
    return house.hf_home / "hub" / f"models--{name.replace('/', '--')}"


@pytest.fixture(scope="session")
def copying() -> CopyRules:
    """How much of a model is copied."""
    with said():
        return asked.copy_rules(os.environ)


@pytest.fixture(scope="session")
def vision_batch_size() -> int:
    """`--chunk` of the vision pipe."""
    with said():
        return asked.vision_chunk(os.environ)


@pytest.fixture(scope="module")
def vision_pipe_model(
    portfolio: Portfolio, isolation: Isolation, settled: Callable[[PortfolioModel], PortfolioModel]
) -> PortfolioModel:
    """MLXK2_VISION_MODEL, else the first of the portfolio."""
    models = portfolio[Kind.VISION]
    if wanted := asked.vision_model(os.environ):
        models = tuple(each for each in models if each.name == wanted)
        if not models:
            pytest.skip(f"{asked.NO_MODEL}: {wanted} is no vision model that runs in {isolation.user.home}")
    return settled(models[0])


@dataclass(frozen=True, slots=True)
class ModelCopy:
    """snapshot: plain files that a test may damage, in the test's own cache, which the house has."""

    house: LiveHouse
    name: str
    snapshot: Path


@pytest.fixture
def issue27_copy(
    portfolio: Portfolio, isolation: Isolation, copying: CopyRules, isolated_cache: IsolatedCache, tmp_path: Path
) -> ModelCopy:
    """MLXK2_ISSUE27_MODEL, else the first text model of the user's, else a miniature in two shards."""
    first = next((each.name for each in portfolio[Kind.TEXT] if not each.miniature), "")
    with said():
        return _copy(copying.model or first, copying, isolation, isolated_cache, tmp_path)


@pytest.fixture
def issue27_index_copy(
    portfolio: Portfolio, isolation: Isolation, copying: CopyRules, isolated_cache: IsolatedCache, tmp_path: Path
) -> ModelCopy:
    """The same of a model with a safetensors index. With MLXK2_BOOTSTRAP_INDEX the copy gets one that it lacks."""
    name = copying.index_model
    with said():
        if not name:
            name = _first_with_index(portfolio, isolation) or (copying.model if copying.bootstrap_index else "")
        copy = _copy(name, copying, isolation, isolated_cache, tmp_path)
        _give_index(copy, copying)
    return copy


def _first_with_index(portfolio: Portfolio, isolation: Isolation) -> str:
    """Empty: the user has none."""
    for each in portfolio[Kind.TEXT]:
        if not each.miniature:
            try:
                require_index(snapshot_of(isolation.user.home / "hub", each.name))
            except NotAsked:
                continue
            return each.name
    return ""


def _give_index(copy: ModelCopy, rules: CopyRules) -> None:
    try:
        require_index(copy.snapshot)
    except NotAsked:
        if not rules.bootstrap_index:
            raise
        endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or asked.REAL_HUB
        fetch_index(endpoint, copy.name, os.environ.get("HF_TOKEN", ""), copy.snapshot)


def _copy(name: str, rules: CopyRules, isolation: Isolation, cache: IsolatedCache, tmp_path: Path) -> ModelCopy:
    home = tmp_path / "home"
    home.mkdir()
    house = LiveHouse(home, cache.home)
    if not name:
        return ModelCopy(house, SHARDED, add_sharded(cache.hub))
    if isolation.user_home is None:
        raise NotAsked(f"{asked.NO_MODEL}: nothing keeps the user's cache from being written to here")
    source = snapshot_of(isolation.user_home / "hub", name)
    files = chosen(source, rules.shards)
    require_space(files, cache.hub, rules.min_free_bytes)
    return ModelCopy(house, name, copy_model(source, cache.hub, name, files))
