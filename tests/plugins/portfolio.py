"""Fixtures for tests that run on each model of a kind: `text_model_key`, `text_model_info`, and so on.

Keys are told while tests are collected, by one `mlxk list --json` of the whole run, and only when live tests may be
chosen. A model that does not fit into memory is skipped with the numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from adapters.memory import memory_probe_for
from tests.plugins.isolation import ISOLATION, Isolation
from tests.plugins.markers import LIVE_FOLDER
from tests.support import isolated_cache as caches
from tests.support.isolated_cache import IsolatedCache
from tests.support.live_markers import WET, is_wet, selects
from tests.support.portfolio.discovery import discover, listed
from tests.support.portfolio.gates import reason_to_skip
from tests.support.portfolio.kinds import Kind, PortfolioModel, portfolio_of
from tests.support.portfolio.miniatures import add_miniatures
from tests.support.portfolio.quantization import with_quantization

Portfolio = Mapping[Kind, tuple[PortfolioModel, ...]]
_FOUND: pytest.StashKey[Portfolio] = pytest.StashKey()
_UNASKED = ("00",)


def portfolio_here(config: pytest.Config) -> Portfolio:
    """Found once in a run."""
    if _FOUND not in config.stash:
        config.stash[_FOUND] = discover(config.stash[ISOLATION].user_home)
    return config.stash[_FOUND]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for kind in Kind:
        if (name := f"{kind}_model_key") in metafunc.fixturenames:
            metafunc.parametrize(name, _keys(metafunc, kind), indirect=True, scope="module")


def _keys(metafunc: pytest.Metafunc, kind: Kind) -> list[str]:
    """A test that -m will leave out anyway costs no look at the cache."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    if is_wet(marks, LIVE_FOLDER in metafunc.definition.path.parents):
        marks.add(WET)
    if not selects(metafunc.config.option.markexpr, marks):
        return [f"{kind}_{number}" for number in _UNASKED]
    return [model.key for model in portfolio_here(metafunc.config)[kind]]


@pytest.fixture(scope="session")
def portfolio(pytestconfig: pytest.Config) -> Portfolio:
    """Every kind with its models. Miniatures have no home yet: ask for `settled` to use one."""
    return portfolio_here(pytestconfig)


@pytest.fixture(scope="module")
def miniature_cache(isolation: Isolation) -> Iterator[IsolatedCache]:
    """A cache with all the miniatures, of this module's own; HF_HOME names it for no process that is not told so."""
    cache = caches.made_in(isolation.place)
    try:
        add_miniatures(cache.hub)
        yield cache
    finally:
        caches.delete(cache)


@pytest.fixture(scope="module")
def settled(request: pytest.FixtureRequest) -> Callable[[PortfolioModel], PortfolioModel]:
    """Gives a model of the portfolio its home and its size, as `mlxk list` tells them of this module's miniatures, and
    its quantization: when a report is made of the module's last test, the miniatures have gone.
    """
    small: dict[str, PortfolioModel] = {}

    def settle(model: PortfolioModel) -> PortfolioModel:
        if not model.miniature:
            return with_quantization(model)
        if not small:
            cache: IsolatedCache = request.getfixturevalue("miniature_cache")
            found = portfolio_of(listed(cache.home), cache.home)
            small.update({each.name: replace(each, miniature=True) for kind in found for each in found[kind]})
        return with_quantization(small[model.name])

    return settle


def _model(request: pytest.FixtureRequest, kind: Kind, key: str) -> PortfolioModel:
    (found,) = (each for each in portfolio_here(request.config)[kind] if each.key == key)
    settle: Callable[[PortfolioModel], PortfolioModel] = request.getfixturevalue("settled")
    return settle(found)


def _gated(request: pytest.FixtureRequest, kind: Kind) -> str:
    key = str(request.param)
    model = _model(request, kind, key)
    if (reason := reason_to_skip(model, memory_probe_for(sys.platform).read())) is not None:
        pytest.skip(reason)
    return key


@pytest.fixture(scope="module")
def text_model_key(request: pytest.FixtureRequest) -> str:
    """`text_00`, ... : each model that chats and does not see."""
    return _gated(request, Kind.TEXT)


@pytest.fixture(scope="module")
def text_model_info(request: pytest.FixtureRequest, text_model_key: str) -> PortfolioModel:
    return _model(request, Kind.TEXT, text_model_key)


@pytest.fixture(scope="module")
def vision_model_key(request: pytest.FixtureRequest) -> str:
    """`vision_00`, ... : each model that sees."""
    return _gated(request, Kind.VISION)


@pytest.fixture(scope="module")
def vision_model_info(request: pytest.FixtureRequest, vision_model_key: str) -> PortfolioModel:
    return _model(request, Kind.VISION, vision_model_key)


@pytest.fixture(scope="module")
def audio_model_key(request: pytest.FixtureRequest) -> str:
    """`audio_00`, ... : each model that hears."""
    return _gated(request, Kind.AUDIO)


@pytest.fixture(scope="module")
def audio_model_info(request: pytest.FixtureRequest, audio_model_key: str) -> PortfolioModel:
    return _model(request, Kind.AUDIO, audio_model_key)


@pytest.fixture(scope="module")
def embedding_model_key(request: pytest.FixtureRequest) -> str:
    """`embedding_00`, ... : each model that embeds."""
    return _gated(request, Kind.EMBEDDING)


@pytest.fixture(scope="module")
def embedding_model_info(request: pytest.FixtureRequest, embedding_model_key: str) -> PortfolioModel:
    return _model(request, Kind.EMBEDDING, embedding_model_key)


@pytest.fixture(scope="module")
def portfolio_models(portfolio: Portfolio) -> dict[str, PortfolioModel]:
    """By key, of every kind. An old name: reports cannot tell which medium a test that asks for it is about."""
    return {model.key: model for kind in Kind for model in portfolio[kind]}


@pytest.fixture(scope="module")
def model_key(portfolio: Portfolio) -> str:
    """The first text model's. An old name, as portfolio_models."""
    return portfolio[Kind.TEXT][0].key
