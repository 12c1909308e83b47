"""A catalog on folders of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.catalog_disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk.under(tmp_path)
