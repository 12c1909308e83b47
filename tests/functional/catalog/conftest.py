"""A catalog on folders of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.catalog_disk import Disk
from tests.support.isolated_cache import IsolatedCache


@pytest.fixture
def disk(tmp_path: Path, isolated_cache: IsolatedCache) -> Disk:
    (tmp_path / "home").mkdir()
    return Disk.over(isolated_cache.hub, tmp_path / "home")
