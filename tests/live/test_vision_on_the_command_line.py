"""`mlxk run` with pictures, with each model of the portfolio that sees."""

from __future__ import annotations

import pytest

from tests.plugins.live_house import MakeHouse
from tests.support.benchmark_facts import BenchmarkFacts
from tests.support.live_pictures import PLACES, QUESTIONS, write_places
from tests.support.portfolio import PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.live_run]
GREEDY = ("--temperature", "0", "--max-tokens", "60")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_with_one_right_answer_gets_it_twice(
    house_of: MakeHouse, vision_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts, question: str
) -> None:
    house = house_of(vision_model_info)
    write_places(house.home)
    words = ("run", vision_model_info.name, question, "--image", PLACES[0].file, "--no-table", *GREEDY)
    data = house.envelope(*words)["data"]
    benchmark_facts.cli_answer(data)
    assert any(word in data["response"].lower() for word in QUESTIONS[question]), data["response"]
    assert house.envelope(*words)["data"]["response"] == data["response"]


def test_words_alone_are_answered_by_a_model_that_sees(
    house_of: MakeHouse, vision_model_info: PortfolioModel, benchmark_facts: BenchmarkFacts
) -> None:
    data = house_of(vision_model_info).envelope("run", vision_model_info.name, "Who are you?", *GREEDY)["data"]
    benchmark_facts.cli_answer(data)
    benchmark_facts.modality("text")
    assert data["response"].strip()


def test_what_pictures_say_of_themselves_stands_before_the_answer(
    house_of: MakeHouse, vision_model_info: PortfolioModel
) -> None:
    house = house_of(vision_model_info)
    write_places(house.home)
    told = house.text("run", vision_model_info.name, "--image", PLACES[0].file, "What colour is it?", *GREEDY)
    assert "| Image | Filename | Original |" in told
    assert all(each in told for each in (PLACES[0].file, "52.52", "13.40", "2026-05-01", "Testcam"))
