"""The memory of prompts, where they show pictures: it gives the same answers as a fresh reading, and reads less."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.inference.engine.vision import VisionNetwork
from adapters.inference.prefix_cache.opening import open_prefixes
from adapters.inference.text_engine import MlxTextEngine
from domain.catalog import LocatedModel, ModelSource
from domain.serving.load_options import LoadOptions, PrefixCacheBudget
from domain.serving.prompt_divergence import Divergence, Loss
from ports.text_engine import EngineRow
from tests.support.engine_kit import row, run, tokens
from tests.support.vision_models import Picture, Shown, network, shown

PLENTY = 1 << 28
COUNT = 8
CUTTABLE, EXACT = ("qwen3_vl", "llava", "idefics3"), ("gemma3", "lfm2_vl", "gemma4", "qwen3_5")
HEAD, ASK, MORE = tuple(range(3, 23)), (7, 8, 9, 20, 21), (10, 11, 12, 24)


@dataclass
class Told:
    """One answer. read: tokens of the prompt that were read, cached: those that were not."""

    said: list[int]
    cached: int


@dataclass
class House:
    """An engine with a memory, in memory and on the disk."""

    name: str
    folder: Path
    eyes: VisionNetwork = field(init=False)
    engine: MlxTextEngine = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """As a new process would."""
        (self.folder / "model").mkdir(exist_ok=True)
        (self.folder / "model" / "config.json").write_text('{"model_type": "mini"}')
        self.eyes = network(self.name)
        located = LocatedModel(self.name, self.folder / "model", ModelSource.WORKSPACE)
        budget = PrefixCacheBudget(PLENTY, PLENTY, self.folder / "prompts")
        prefixes = open_prefixes(self.eyes, located, LoadOptions(prefix_cache=budget))
        self.engine = MlxTextEngine(self.eyes, frozenset(), prefixes=prefixes)

    def reopen(self) -> None:
        self.engine.close()
        self.open()

    def ask(self, prompt: Shown) -> Told:
        steps = run(self.engine, asked(prompt))[1]
        stats = steps[-1].stats
        assert stats is not None
        return Told(tokens(steps), stats.cached_tokens)


def asked(prompt: Shown) -> EngineRow:
    media = prompt.media if prompt.media.pictures else None
    return row(1, prompt.tokens, COUNT, media=media, anchors=prompt.turns)


def cold(name: str, prompt: Shown) -> list[int]:
    """The answer of an engine without a memory."""
    return tokens(run(MlxTextEngine(network(name), frozenset()), asked(prompt))[1])


@pytest.fixture
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    return House(request.param, tmp_path)


def turns(name: str, picture: Picture, *, answer: list[int] | None = None) -> Shown:
    """A conversation about a picture: its first turn, or, with the answer to that, its second."""
    parts: list[Sequence[int] | Picture] = [HEAD, picture, ASK]
    return shown(name, *parts) if answer is None else shown(name, *parts, answer, MORE)


every = pytest.mark.parametrize("house", [*CUTTABLE, *EXACT], indirect=True)


@every
def test_a_second_turn_about_a_picture_reads_and_encodes_nothing_twice(house: House) -> None:
    first = turns(house.name, Picture(1))
    answer = house.ask(first).said
    second = turns(house.name, Picture(1), answer=answer)
    told = house.ask(second)
    assert told.said == cold(house.name, second)
    assert told.cached >= len(first.tokens) - 1
    assert house.eyes.encodings.tally.encoded == 1
    assert house.eyes.encodings.tally.reused == 0, "it was not even looked for"


@every
def test_after_a_restart_the_disk_knows_what_a_picture_was_read_as(house: House) -> None:
    first = turns(house.name, Picture(1))
    answer = house.ask(first).said
    house.reopen()
    second = turns(house.name, Picture(1), answer=answer)
    told = house.ask(second)
    assert told.said == cold(house.name, second)
    assert told.cached >= len(first.tokens) - 1
    assert house.eyes.encodings.tally.encoded == 0


@every
def test_the_same_words_about_another_picture_share_only_what_comes_before_it(house: House) -> None:
    one, other = turns(house.name, Picture(1)), turns(house.name, Picture(8))
    assert one.tokens == other.tokens
    house.ask(one)
    told = house.ask(other)
    assert told.said == cold(house.name, other) != cold(house.name, one)
    assert told.cached <= one.media.pictures[0].start
    house.reopen()
    assert house.ask(turns(house.name, Picture(3))).cached <= one.media.pictures[0].start


@pytest.mark.parametrize("house", CUTTABLE, indirect=True)
def test_a_system_prompt_is_shared_by_pictures_and_text(house: House) -> None:
    house.ask(shown(house.name, HEAD, ASK))
    told = house.ask(turns(house.name, Picture(1)))
    assert told.cached == len(HEAD)
    assert told.said == cold(house.name, turns(house.name, Picture(1)))
    assert house.ask(shown(house.name, HEAD, MORE)).cached == len(HEAD)


@pytest.mark.parametrize("house", CUTTABLE, indirect=True)
def test_no_remembered_beginning_ends_within_a_picture(house: House) -> None:
    ends_with_it = shown(house.name, HEAD, Picture(1))
    start = ends_with_it.media.pictures[0].start
    for _ in range(2):
        told = house.ask(ends_with_it)
        assert told.said == cold(house.name, ends_with_it)
    after = len(ends_with_it.tokens) - ends_with_it.media.pictures[0].end
    assert told.cached == (start if after == 0 else len(ends_with_it.tokens) - 1)


@pytest.mark.parametrize("house", ["qwen3_vl"], indirect=True)
@pytest.mark.parametrize("before", [200, 254, 256])
def test_a_picture_may_lie_across_blocks(house: House, before: int) -> None:
    large = Picture(1, tall=70)
    text = [3 + at % 50 for at in range(before)]
    first = shown(house.name, text, large, ASK)
    answer = house.ask(first).said
    for restart in (False, True):
        if restart:
            house.reopen()
        second = shown(house.name, text, large, ASK, answer, MORE)
        told = house.ask(second)
        assert told.said == cold(house.name, second)
        assert told.cached >= len(first.tokens) - 1
        other = shown(house.name, text, Picture(2 + restart, tall=70), ASK)
        assert house.ask(other).cached == other.media.pictures[0].start
    assert house.eyes.encodings.tally.encoded == 1, "the other one"


@pytest.mark.parametrize("house", ["qwen3_vl"], indirect=True)
def test_what_comes_after_a_remembered_picture_stands_where_it_would_have(house: House) -> None:
    """Also a further picture, whose positions hang on the sizes of those before it."""
    first, second = Picture(1, tall=12), Picture(2, tall=6)
    house.ask(shown(house.name, HEAD, first, ASK))
    both = shown(house.name, HEAD, first, ASK, second, MORE)
    told = house.ask(both)
    assert told.cached > first.tall
    assert told.said == cold(house.name, both)
    assert house.eyes.encodings.tally.encoded == 2


@pytest.mark.parametrize("house", ["qwen3_vl", "gemma4"], indirect=True)
def test_it_is_explained_that_a_picture_is_another(house: House) -> None:
    one, other = turns(house.name, Picture(1)), turns(house.name, Picture(2))
    house.ask(one)
    start = one.media.pictures[0].start
    told = house.engine.explain(other.tokens, other.media)
    assert (told.kind, told.matched_tokens) == (Divergence.PICTURES_DIFFER, start)
    assert told.prompt_next == told.remembered_next == other.tokens[start : start + 8]
    assert told.reusable_tokens == house.ask(other).cached
    same = house.engine.explain(one.tokens, one.media)
    assert (same.kind, same.matched_tokens) == (Divergence.PROMPT_ENDS, len(one.tokens)), "its answer is known too"
    if house.name == "qwen3_vl":
        assert same.loss is Loss.LAST_TOKEN
        text = house.engine.explain(one.tokens)
        assert (text.kind, text.matched_tokens) == (Divergence.TOKENS_DIFFER, start)


@every
def test_the_guard_finds_nothing_wrong_with_pictures(house: House) -> None:
    checks = 0
    for seed in range(4):
        house.ask(turns(house.name, Picture(seed)))
        check = house.engine.idle()
        assert check is None or not check.differs
        checks += check is not None
    assert checks == (3 if house.name in CUTTABLE else 0), (
        "the text before a picture is compared, where that can be cut"
    )
    assert house.ask(turns(house.name, Picture(1))).cached > 0


def test_a_model_whose_prompts_attend_both_ways_remembers_nothing(tmp_path: Path) -> None:
    house = House("paligemma", tmp_path)
    prompt = shown("paligemma", Picture(1), ASK)
    assert house.ask(prompt).said == house.ask(prompt).said == cold("paligemma", prompt)
    assert house.ask(prompt).cached == 0
    assert house.engine.explain(prompt.tokens, prompt.media).kind is Divergence.CACHE_OFF
    assert house.eyes.encodings.tally.encoded == 1, "its pictures are remembered all the same"


@every
def test_whatever_was_asked_before_an_answer_is_that_of_a_fresh_reading(house: House) -> None:
    chance = random.Random(11)  # noqa: S311 - the same conversations at every run
    pieces: list[Sequence[int] | Picture] = [HEAD, ASK, MORE, Picture(1), Picture(2)]
    asked_before: list[list[Sequence[int] | Picture]] = [[HEAD]]
    for _ in range(9):
        parts = [*chance.choice(asked_before), *chance.choices(pieces, k=chance.randint(1, 2))]
        asked_before.append(parts)
        prompt = shown(house.name, *parts, ASK)
        assert house.ask(prompt).said == cold(house.name, prompt)


@pytest.mark.parametrize("house", ["gemma4"], indirect=True)
def test_a_picture_that_must_be_read_with_all_before_it_begins_from_nothing_but_goes_on_from_itself(
    house: House,
) -> None:
    house.ask(shown(house.name, HEAD, ASK))
    prompt = turns(house.name, Picture(8))
    assert house.engine.explain(prompt.tokens, prompt.media).reusable_tokens == 0
    assert house.ask(prompt).cached == 0
    assert house.ask(turns(house.name, Picture(8), answer=[5])).cached >= len(prompt.tokens) - 1
