"""A pull from a hub into the test's own cache."""

from __future__ import annotations

import pytest

from tests.plugins.live_groups import HubGroup

pytestmark = [pytest.mark.live, pytest.mark.live_pull]


def test_a_model_is_pulled_and_is_healthy(pull_source: HubGroup) -> None:
    told = pull_source.envelope("pull", pull_source.name)
    assert told["status"] == "success", told
    assert pull_source.folder.is_dir()
    assert pull_source.envelope("health", pull_source.name)["data"]["summary"]["healthy_count"] == 1
