"""A real model under the name of an organisation that nobody knows is what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.live_groups import said
from tests.support.isolated_cache import IsolatedCache
from tests.support.live_cli import LiveHouse
from tests.support.live_environment import CopyRules
from tests.support.model_copy import chosen, copy_model, require_space, shards_of, snapshot_of
from tests.support.portfolio import PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.live_run]
QUESTION = ("Who are you?", "--temperature", "0", "--max-tokens", "24")


def test_a_copy_under_a_private_name_stays_an_mlx_model_and_answers_as_before(
    text_model_info: PortfolioModel, isolated_cache: IsolatedCache, copying: CopyRules, tmp_path: Path
) -> None:
    assert text_model_info.home is not None
    source = snapshot_of(text_model_info.home / "hub", text_model_info.name)
    files = chosen(source, len(shards_of(source)))
    with said():
        require_space(files, isolated_cache.hub, copying.min_free_bytes)
    private = f"acme-private/{text_model_info.name.rpartition('/')[2]}"
    copy_model(source, isolated_cache.hub, private, files)
    house = LiveHouse(tmp_path, isolated_cache.home)
    (listed,) = house.envelope("list", private)["data"]["models"]
    assert (listed["framework"], listed["health"], listed["runtime_compatible"]) == ("MLX", "healthy", True), listed
    original = LiveHouse(tmp_path, text_model_info.home)
    assert house.text("run", private, *QUESTION) == original.text("run", text_model_info.name, *QUESTION)
