"""A clone from a hub into a workspace."""

from __future__ import annotations

import pytest

from tests.plugins.live_groups import HubGroup

pytestmark = [pytest.mark.live, pytest.mark.live_clone]


def test_a_model_is_cloned_and_is_healthy(clone_source: HubGroup) -> None:
    told = clone_source.envelope("clone", clone_source.name, str(clone_source.folder))
    assert told["status"] == "success", told
    assert (clone_source.folder / "config.json").is_file()
    assert told["data"]["health"] == "healthy"
