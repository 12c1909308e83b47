"""Nine pictures through a model that sees, and what it says of them through one that writes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.plugins.live_house import MakeHouse
from tests.plugins.portfolio import Portfolio
from tests.support.live_pictures import PLACES, write_places
from tests.support.portfolio import Kind, PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.live_vision_pipe]
PIPES = "1"
GREEDY = ("--temperature", "0", "--max-tokens", "60")
_CHUNK = re.compile(r"<summary>Chunk (\d+)/(\d+): Images? (\d+)(?:-(\d+))?</summary>")


def chunks(told: str) -> list[tuple[range, str]]:
    """Numbers of the pictures, and what stands under each heading: their table and the answer about them."""
    heads = list(_CHUNK.finditer(told))
    ends = [*(each.start() for each in heads[1:]), len(told)]
    return [
        (range(int(head[3]), int(head[4] or head[3]) + 1), told[head.end() : stop])
        for head, stop in zip(heads, ends, strict=True)
    ]


def test_nine_pictures_become_one_text_and_no_chunk_tells_of_another(
    house_of: MakeHouse, vision_pipe_model: PortfolioModel, vision_batch_size: int
) -> None:
    house = house_of(vision_pipe_model)
    files = [each.name for each in write_places(house.home)]
    words = ("run", vision_pipe_model.name, "--image", *files, "--chunk", str(vision_batch_size), *GREEDY)
    told = house.text(*words)
    groups = chunks(told)
    assert [number for numbers, _ in groups for number in numbers] == list(range(1, len(PLACES) + 1))
    for numbers, text in groups:
        ours = [place for at, place in enumerate(PLACES, 1) if at in numbers]
        others = [place for place in PLACES if place not in ours]
        assert all(place.file in text for place in ours)
        assert not [place.file for place in others if place.file in text]
        answer = text.partition("</details>")[2].lower()
        assert all(any(word in answer for word in place.words) for place in ours), answer
        if len(ours) == 1:
            colours = {place.colour for place in others} - {ours[0].colour}
            assert not [colour for colour in colours if colour in answer], "nothing leaks between chunks"


def test_what_was_seen_goes_into_a_prompt_of_another_model(
    house_of: MakeHouse,
    vision_pipe_model: PortfolioModel,
    portfolio: Portfolio,
    settled: Callable[[PortfolioModel], PortfolioModel],
) -> None:
    house = house_of(vision_pipe_model)
    file = write_places(house.home)[0].name
    seen = house.run("run", vision_pipe_model.name, "--image", file, *GREEDY, MLXK2_ENABLE_PIPES=PIPES)
    assert (seen.returncode, PLACES[0].colour in seen.stdout.decode().lower()) == (0, True), seen.stderr
    writer = settled(portfolio[Kind.TEXT][-1])
    request = ("run", writer.name, "-", "--prompt", "Where was this taken?", *GREEDY, "--json")
    told = house_of(writer).run(*request, stdin=seen.stdout, MLXK2_ENABLE_PIPES=PIPES)
    assert told.returncode == 0, told.stderr
    assert b"Where was this taken?" in told.stdout
    assert PLACES[0].file.encode() in told.stdout, "standard input stands before the prompt"
