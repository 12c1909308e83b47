"""The command line with each model of the portfolio."""

from __future__ import annotations

import json

import pytest

from tests.plugins.live_house import MakeHouse
from tests.support.benchmark_facts import BenchmarkFacts
from tests.support.portfolio import PortfolioModel

pytestmark = pytest.mark.live


@pytest.mark.live_run
def test_run_answers_in_text(
    house_of: MakeHouse, text_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts
) -> None:
    words = ("run", text_model_info.name, "Who are you?", "--max-tokens", "24", "--temperature", "0")
    house = house_of(text_model_info)
    data = house.envelope(*words)["data"]
    benchmark_facts.cli_answer(data)
    assert data["response"].strip()
    assert house.text(*words).strip() == data["response"].strip()


@pytest.mark.live_run
def test_what_list_tells_can_be_run(house_of: MakeHouse, text_model_info: PortfolioModel) -> None:
    house = house_of(text_model_info)
    listed = house.envelope("list")["data"]["models"]
    runnable = [each["name"] for each in listed if each["runtime_compatible"] and "chat" in each["capabilities"]]
    assert text_model_info.name in runnable
    told = house.run(
        "run", text_model_info.name, "-", "--max-tokens", "8", "--temperature", "0",
        stdin="\n".join(runnable).encode(), MLXK2_ENABLE_PIPES="1",
    )  # fmt: skip
    assert (told.returncode, bool(told.stdout.strip())) == (0, True), told.stderr


@pytest.mark.live_run
def test_a_chat_cannot_be_told_as_json(house_of: MakeHouse, text_model_info: PortfolioModel) -> None:
    done = house_of(text_model_info).run("run", text_model_info.name, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode != 0, told["status"]) == (True, "error")
    assert "prompt" in told["error"]["message"]


@pytest.mark.live_list
def test_list_tells_the_model_and_health_finds_it_sound(house_of: MakeHouse, text_model_info: PortfolioModel) -> None:
    house = house_of(text_model_info)
    listed = house.envelope("list", text_model_info.name)["data"]["models"]
    assert [each["name"] for each in listed] == [text_model_info.name]
    healthy = house.envelope("health", text_model_info.name)
    assert (healthy["status"], healthy["data"]["summary"]["unhealthy_count"]) == ("success", 0)


@pytest.mark.live_list
def test_list_and_health_tell_of_every_model_of_the_cache(house_of: MakeHouse, text_model_info: PortfolioModel) -> None:
    """Of the user's as it is, with what may be broken in it."""
    house = house_of(text_model_info)
    models = [each for each in house.envelope("list")["data"]["models"] if each["cached"]]
    health = house.envelope("health")["data"]
    assert health["summary"]["total"] == len(health["healthy"]) + len(health["unhealthy"])
    judged = {each["name"]: each["status"] for each in (*health["healthy"], *health["unhealthy"])}
    assert {each["name"]: each["health"] for each in models}.items() <= judged.items()
