"""Each group of live tests has what it works on: a hub, a workspace, a model that may be damaged."""

from __future__ import annotations

import pytest

from tests.plugins.live_groups import HubGroup, ModelCopy
from tests.support.live_environment import CopyRules
from tests.support.model_copy import require_index, shards_of
from tests.support.portfolio import Kind, PortfolioModel

pytestmark = pytest.mark.live


@pytest.mark.live_push
def test_push_tells_what_it_would_do_and_changes_nothing(push_target: HubGroup) -> None:
    told = push_target.envelope("push", str(push_target.folder), push_target.name, "--private", "--dry-run")
    assert told["status"] == "success", told
    assert told["data"]["commit_sha"] is None
    assert push_target.hub is None or push_target.name not in push_target.hub.store.repositories


@pytest.mark.issue27
def test_a_model_that_lacks_a_shard_is_unhealthy(issue27_index_copy: ModelCopy, copying: CopyRules) -> None:
    require_index(issue27_index_copy.snapshot)
    shards = shards_of(issue27_index_copy.snapshot)
    assert shards, "something is there to be damaged"
    for each in shards:
        each.unlink()
    (health,) = issue27_index_copy.house.envelope("health", issue27_index_copy.name)["data"]["unhealthy"]
    assert health["name"] == issue27_index_copy.name


@pytest.mark.live_vision_pipe
def test_there_is_a_vision_model_and_a_chunk_size(vision_pipe_model: PortfolioModel, vision_batch_size: int) -> None:
    assert (vision_pipe_model.kind, vision_pipe_model.home is not None) == (Kind.VISION, True)
    assert vision_batch_size >= 1
