"""Every test has a cache of its own, and the user's is only read.

HF_HOME names an isolated cache for the whole run (for what fixtures of wider scope start), and for each test another
one, made when it is first used: most tests never do. MLXK2_STRICT_TEST_DELETE is set, so that `mlxk rm` and `prune`
delete nothing but in such caches.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import isolated_cache as caches
from tests.support.first_use import FirstUse
from tests.support.isolated_cache import IsolatedCache
from tests.support.user_cache import Guard, UserCache, install, user_cache
from tests.support.volumes import NoPlaceForCaches, mount_points, place_for
from tests.support.write_protection import Protection, protect

# What else names the cache, or a place in it, would win over HF_HOME.
_OTHERS = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_XET_CACHE", "HF_ASSETS_CACHE")


@dataclass(frozen=True, slots=True)
class Isolation:
    """What holds for this run. place: where caches are made. missing: protected folders that were not there before."""

    user: UserCache
    place: Path
    guard: Guard
    protection: Protection
    missing: tuple[Path, ...]
    first_use: FirstUse

    @property
    def user_home(self) -> Path | None:
        """Where real models may be read; None when nothing keeps child processes from writing there."""
        return self.user.home if self.protection.by else None


ISOLATION: pytest.StashKey[Isolation] = pytest.StashKey()


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """None: not set. What was before comes back."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def cache_in(place: Path, first_use: FirstUse) -> Iterator[IsolatedCache]:
    """A cache that HF_HOME names, until the block ends. It is made when it is first used."""
    cache = caches.name_one(place)
    try:
        with (
            environment(HF_HOME=str(cache.home), MLXK2_STRICT_TEST_DELETE="1"),
            first_use.of(str(cache.home), lambda: caches.make(cache)),
        ):
            yield cache
    finally:
        if os.path.lexists(cache.home):
            caches.delete(cache)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    user = user_cache(os.environ)
    try:
        place = place_for(user.home / "hub", user.folders, Path(tempfile.gettempdir()), mount_points())
    except NoPlaceForCaches as fault:
        raise pytest.UsageError(str(fault)) from fault
    place = place.resolve()
    place.mkdir(exist_ok=True)
    missing = tuple(each for each in user.folders if not os.path.lexists(each))
    config.stash[ISOLATION] = Isolation(user, place, install(user.folders), protect(user.folders), missing, FirstUse())
    sys.addaudithook(config.stash[ISOLATION].first_use)
    run = _whole_run(config.stash[ISOLATION])
    next(run)
    config.add_cleanup(lambda: next(run, None))


def _whole_run(isolation: Isolation) -> Iterator[None]:
    others: dict[str, str | None] = dict.fromkeys(_OTHERS)
    # A run inside this run, and every worker of xdist, looks for the same models.
    with (
        environment(MLXK2_USER_HF_HOME=str(isolation.user.home), **others),
        cache_in(isolation.place, isolation.first_use),
    ):
        yield
    isolation.guard.active = False


def pytest_report_header(config: pytest.Config) -> list[str]:
    told = config.stash[ISOLATION]
    held = told.protection.by or f"nothing, so its models are not used ({told.protection.why})"
    return [
        f"user's cache: {told.user.home}, only read; child processes are held by: {held}",
        f"caches of tests: {told.place}",
    ]


@pytest.fixture(scope="session")
def isolation(pytestconfig: pytest.Config) -> Isolation:
    """What holds for this run."""
    return pytestconfig.stash[ISOLATION]


@pytest.fixture(autouse=True)
def own_cache(isolation: Isolation) -> Iterator[IsolatedCache]:
    """HF_HOME names the test's own cache, which is made when the test writes there or starts a process."""
    with cache_in(isolation.place, isolation.first_use) as cache:
        yield cache
    refused = isolation.guard.taken()
    made = [str(each) for each in isolation.missing if os.path.lexists(each)]
    if refused or made:
        pytest.fail("\n".join([*refused, *(f"{each} was made: it is the user's cache" for each in made)]))


@pytest.fixture
def isolated_cache(own_cache: IsolatedCache, isolation: Isolation) -> IsolatedCache:
    """The test's own cache, made."""
    isolation.first_use.now()
    return own_cache
