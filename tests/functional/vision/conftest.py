"""One home and one server for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.trained_vision import Asker, House, house


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Everything is as it is when nobody sets anything."""
    return house(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="package")
def model(home: House) -> Iterator[Asker]:
    with home.serving() as asker:
        yield asker
