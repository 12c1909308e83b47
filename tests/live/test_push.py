"""A workspace goes to a hub, and the hub has what the workspace has."""

from __future__ import annotations

import pytest

from tests.plugins.live_groups import HubGroup

pytestmark = [pytest.mark.live, pytest.mark.live_push]


def test_a_workspace_is_pushed_to_a_private_repository_and_a_second_time_nothing_changes(push_target: HubGroup) -> None:
    words = ("push", str(push_target.folder), push_target.name, "--private", "--create")
    told = push_target.envelope(*words)
    assert (told["status"], bool(told["data"]["commit_sha"] or told["data"]["no_changes"])) == ("success", True), told
    again = push_target.envelope(*words)
    assert (again["status"], again["data"]["no_changes"]) == ("success", True), again
    if push_target.hub is not None:
        repository = push_target.hub.store.repositories[push_target.name]
        assert repository.private
        assert {"config.json", "model.safetensors"} <= repository.files().keys()


def test_a_folder_that_is_not_there_is_not_pushed(push_target: HubGroup) -> None:
    missing = push_target.house.home / "missing"
    told = push_target.house.envelope("push", str(missing), push_target.name, "--private", "--create")
    assert told["status"] == "error"
    assert push_target.hub is None or push_target.name not in push_target.hub.store.repositories
