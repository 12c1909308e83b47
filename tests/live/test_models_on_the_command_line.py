"""The command line with each model of the portfolio."""

from __future__ import annotations

import pytest

from tests.plugins.live_house import MakeHouse
from tests.support.portfolio import PortfolioModel

pytestmark = pytest.mark.live


@pytest.mark.live_run
def test_run_answers_in_text(house_of: MakeHouse, text_model_info: PortfolioModel) -> None:
    words = ("run", text_model_info.name, "Who are you?", "--max-tokens", "24", "--temperature", "0")
    assert house_of(text_model_info).text(*words).strip()


@pytest.mark.live_list
def test_list_tells_the_model_and_health_finds_it_sound(house_of: MakeHouse, text_model_info: PortfolioModel) -> None:
    house = house_of(text_model_info)
    listed = house.envelope("list", text_model_info.name)["data"]["models"]
    assert [each["name"] for each in listed] == [text_model_info.name]
    healthy = house.envelope("health", text_model_info.name)
    assert (healthy["status"], healthy["data"]["summary"]["unhealthy_count"]) == ("success", 0)
