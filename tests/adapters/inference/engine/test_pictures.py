"""Rows with pictures: what they say is what the model says to them alone, whoever else is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from adapters.inference.engine.encodings import Encodings
from adapters.inference.engine.pace import Bounds, Pace
from adapters.inference.engine.vision import VisionNetwork, vision_network
from adapters.inference.text_engine import MlxTextEngine
from domain.errors import CapabilityMismatch, GenerationFailed, UnsupportedMultimodal
from ports.text_codec import PromptMedia, PromptPicture
from ports.text_engine import EngineRow
from tests.support.engine_kit import hot, row, run, tokens
from tests.support.vision_models import IMAGE, START, VIDEO, Picture, Shown, model, network, oracle, shown

IN_BATCHES = (
    "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "glm4v", "gemma3", "gemma4", "llava", "pixtral", "mistral3",
    "idefics3", "internvl_chat", "lfm2_vl",
)  # fmt: skip
HEAD, MIDDLE, TAIL = (3, 4, 5, 6), (7, 8, 9, 20, 21), (10, 11, 12)
COUNT = 14
CLEAR = 1e-4  # a lead of the best token over the next that rounding does not turn


@cache
def prompts(name: str) -> dict[int, Shown]:
    """Of one family: one picture, another, the two in one prompt, and text alone."""
    first, second = Picture(1), Picture(4, 6)
    return {
        1: shown(name, HEAD, first, MIDDLE),
        2: shown(name, HEAD, second, MIDDLE),
        3: shown(name, HEAD, second, MIDDLE, first, TAIL),
        4: Shown((*HEAD, *MIDDLE, *TAIL), PromptMedia((), {})),
    }


def asked(name: str, at: int, count: int = COUNT, **more: Any) -> EngineRow:
    prompt = prompts(name)[at]
    return row(at, prompt.tokens, count, media=prompt.media if prompt.media.pictures else None, **more)


@cache
def truth(name: str, at: int) -> list[int]:
    prompt = prompts(name)[at]
    found, lead = oracle(name, prompt.tokens, prompt.media if prompt.media.pictures else None, COUNT)
    assert lead > CLEAR, "an oracle that rounding could turn is none"
    return found


def engine(name: str, **settings: Any) -> MlxTextEngine:
    return MlxTextEngine(network(name), frozenset(), **settings)


def test_a_prompt_that_is_read_in_one_pass_is_expected_to_take_as_long_as_that() -> None:
    made = engine("qwen2_vl")
    made.learn()
    (small,) = prompts("qwen2_vl")[1].media.pictures
    waiting = asked("qwen2_vl", 1)
    assert waiting.media is not None
    end = small.start + 1_000_000
    prompt = (*waiting.prompt[: small.start], *[waiting.prompt[small.start]] * 1_000_000, *TAIL)
    huge = PromptMedia((PromptPicture(small.start, end, small.digest),), waiting.media.inputs)
    made.admit(waiting)
    usual = made.pulse().step_seconds
    made.admit(replace(waiting, row_id=2, prompt=prompt, media=huge))
    assert made.pulse().step_seconds > 10 * usual
    made.cancel(2)
    assert made.pulse().step_seconds == usual


def said(steps: dict[int, list[Any]]) -> dict[int, list[int]]:
    return {row_id: tokens(each) for row_id, each in steps.items()}


@pytest.mark.parametrize("name", IN_BATCHES)
def test_pictures_and_text_in_one_batch_say_what_mlx_vlm_says_to_each_alone(name: str) -> None:
    steps = run(engine(name), *(asked(name, at) for at in prompts(name)))
    assert said(steps) == {at: truth(name, at) for at in prompts(name)}
    assert truth(name, 1) != truth(name, 2), "what a picture shows makes a difference"
    assert all(each[-1].stats is not None and each[-1].stats.alone is None for each in steps.values())


@pytest.mark.parametrize("name", ["qwen3_vl", "gemma3", "gemma4", "idefics3"])
def test_a_prompt_read_in_small_chunks_is_read_the_same(name: str) -> None:
    small = engine(name, pace=Pace(chunk_tokens=3))
    assert said(run(small, *(asked(name, at) for at in (3, 4)))) == {at: truth(name, at) for at in (3, 4)}


@pytest.mark.parametrize("name", ["qwen2_vl", "qwen3_vl"])
def test_a_video_is_shown_like_a_picture_and_beside_one(name: str) -> None:
    film, still = Picture(3).pixels(2 * 16, 96), Picture(5).pixels(16, 96)
    prompt = (*HEAD, START, *[VIDEO] * 8, 7, START, *[IMAGE] * 4, *TAIL)
    inputs: dict[str, Any] = {"pixel_values_videos": film, "video_grid_thw": np.array([[2, 4, 4]])}
    both = {**inputs, "pixel_values": still, "image_grid_thw": np.array([[1, 4, 4]])}
    places = (PromptPicture(5, 13, "film"), PromptPicture(15, 19, "still"))
    one, two = PromptMedia(places[:1], inputs), PromptMedia(places, both)
    busy = engine(name)
    steps = run(busy, row(1, prompt[:14], COUNT, media=one), row(2, prompt, COUNT, media=two))
    assert said(steps) == {1: oracle(name, prompt[:14], one, COUNT)[0], 2: oracle(name, prompt, two, COUNT)[0]}


@pytest.mark.parametrize("name", ["qwen2_vl", "gemma3"])
def test_a_seeded_row_with_a_picture_draws_the_same_in_company(name: str) -> None:
    alone = [said(run(engine(name), asked(name, at, sampling=hot(at))))[at] for at in (1, 3)]
    together = said(run(engine(name), *(asked(name, at, sampling=hot(at)) for at in (4, 1, 3))))
    assert [together[1], together[3]] == alone


def test_one_who_comes_and_one_who_goes_change_nothing_for_the_others() -> None:
    name = "qwen2_vl"
    busy = engine(name)
    told: dict[int, list[int]] = {at: [] for at in prompts(name)}
    busy.admit(asked(name, 1))
    busy.admit(asked(name, 2))
    for step in range(200):
        for each in busy.step():
            assert each.token is not None
            told[each.row_id].append(each.token)
        if step == 4:
            busy.cancel(2)
            busy.admit(asked(name, 3))
        if step == 7:
            busy.admit(asked(name, 4))
        if not busy.active_rows:
            break
    assert {at: told[at] for at in (1, 3, 4)} == {at: truth(name, at) for at in (1, 3, 4)}
    assert told[2] == truth(name, 2)[: len(told[2])] != truth(name, 2)


@dataclass
class Broken:
    """Raises in the pass of this number, from 1, of those over several rows or a single token."""

    at: int
    passes: int = 0

    def __call__(self, tokens: mx.array) -> None:
        if tokens.shape[1] == 1:
            self.passes += 1
            if self.passes == self.at:
                raise RuntimeError("out of luck")


class Breakable(VisionNetwork):
    """A network that breaks when told to."""

    broken: Any = None

    def __call__(self, tokens: mx.array, cache: list[Any], shifts: mx.array | None = None, **shown: Any) -> mx.array:
        if self.broken is not None:
            self.broken(tokens)
        return super().__call__(tokens, cache, shifts, **shown)


@pytest.mark.parametrize("name", ["qwen3_vl", "gemma3", "gemma4"])
def test_rows_whose_caches_are_lost_are_read_in_again_with_their_pictures(name: str) -> None:
    fragile = Breakable(model(name), Encodings(1 << 20))
    busy = MlxTextEngine(fragile, frozenset())
    busy.learn()
    fragile.broken = Broken(at=9)
    assert said(run(busy, *(asked(name, at) for at in (1, 3, 4)))) == {at: truth(name, at) for at in (1, 3, 4)}
    assert fragile.broken.passes > 9
    assert fragile.encodings.tally.encoded == 2, "each picture once: the others knew them"


def test_a_row_that_is_sent_back_for_want_of_memory_goes_on_as_if_nothing_had_been() -> None:
    name = "qwen2_vl"
    long = {at: asked(name, at, 300, window=8) for at in (1, 2)}
    wanted = {at: tokens(run(engine(name), each)[at]) for at, each in long.items()}
    eyes = network(name, encodings_bytes=1 << 16)
    tight = MlxTextEngine(eyes, frozenset())
    tight.learn()
    run(tight, *(asked(name, at, 1) for at in long))
    one = tight._probe.row.of(300)
    taken = tight._weights_bytes + tight._probe.work_bytes + eyes.encodings.reserved_bytes
    tight._bounds = Bounds(memory_bytes=taken + 3 * one // 2)
    eyes.encodings.tally.reused = 0
    steps = run(tight, *long.values())
    assert said(steps) == wanted
    assert eyes.encodings.tally.reused > 2, "one was read in again"


def test_a_model_that_cannot_be_batched_serves_pictures_one_by_one() -> None:
    name = "paligemma"
    two = {at: shown(name, Picture(at), MIDDLE) for at in (1, 2)}
    wanted = {at: oracle(name, each.tokens, each.media, COUNT)[0] for at, each in two.items()}
    steps = run(engine(name), *(row(at, each.tokens, COUNT, media=each.media) for at, each in two.items()))
    assert said(steps) == wanted
    stats = steps[1][-1].stats
    assert stats is not None
    assert stats.alone is not None


def test_a_picture_is_encoded_once_while_it_is_remembered() -> None:
    name = "llava"
    eyes = network(name)
    busy = MlxTextEngine(eyes, frozenset())
    run(busy, asked(name, 1))
    run(busy, asked(name, 3))
    assert (eyes.encodings.tally.encoded, eyes.encodings.tally.reused) == (2, 1)


def test_encoded_pictures_keep_to_their_budget_and_the_one_used_longest_ago_goes() -> None:
    name = "llava"
    one = 9 * 32 * 4
    eyes = network(name, encodings_bytes=2 * one)
    busy = MlxTextEngine(eyes, frozenset())
    for seed in (1, 2, 1, 3, 1):
        prompt = shown(name, HEAD, Picture(seed), TAIL)
        run(busy, row(1, prompt.tokens, 2, media=prompt.media))
        assert eyes.encodings.held_bytes <= 2 * one
    assert (eyes.encodings.tally.encoded, eyes.encodings.tally.reused) == (3, 2)
    assert eyes.encodings.reserved_bytes > 2 * one, "what encoding takes for the while counts too"


def test_what_encoded_pictures_may_take_is_not_given_to_conversations() -> None:
    limit = mx.get_active_memory() + 3_000_000
    for encodings_bytes, fits in ((1 << 16, True), (2_990_000, False)):
        tight = MlxTextEngine(
            network("llava", encodings_bytes=encodings_bytes), frozenset(), Bounds(memory_bytes=limit)
        )
        assert (tight._room().longest(500) == 500) is fits


def test_answers_go_on_between_one_picture_and_the_next() -> None:
    name = "qwen3_vl"
    busy = engine(name, pace=Pace(step_seconds=1e9, chunk_tokens=1000))
    busy.learn()
    busy.admit(row(4, HEAD, 40))
    while not busy.step():
        pass
    pictures = [Picture(seed) for seed in range(5)]
    many = shown(name, HEAD, *pictures, TAIL)
    busy.admit(row(1, many.tokens, 2, media=many.media))
    heard: list[list[int]] = []
    while not heard or 1 not in heard[-1]:
        heard.append([step.row_id for step in busy.step()])
    assert heard[: len(pictures)] == [[4]] * len(pictures)


def test_a_prompt_that_does_not_fit_its_picture_fails_alone() -> None:
    name = "qwen2_vl"
    wrong = shown(name, HEAD, Picture(9), TAIL)
    inputs = {**wrong.media.inputs, "pixel_values": np.zeros((12, 96), np.float32)}
    steps = run(
        engine(name),
        asked(name, 1),
        row(9, wrong.tokens, COUNT, media=PromptMedia(wrong.media.pictures, inputs)),
        asked(name, 3),
    )
    (failure,) = steps.pop(9)
    assert isinstance(failure.error, GenerationFailed)
    assert said(steps) == {at: truth(name, at) for at in (1, 3)}


def test_a_model_for_text_is_shown_no_pictures(make_engine: Any) -> None:
    prompt = shown("llava", HEAD, Picture(1), TAIL)
    with pytest.raises(CapabilityMismatch, match="takes no pictures"):
        make_engine().admit(row(1, prompt.tokens, media=prompt.media))


@pytest.mark.parametrize("places", [((4, 4),), ((2, 99),), ((4, 8), (6, 10)), ()])
def test_pictures_that_stand_nowhere_are_refused(places: tuple[tuple[int, int], ...]) -> None:
    pictures = tuple(PromptPicture(start, end, "it") for start, end in places)
    with pytest.raises(GenerationFailed):
        engine("llava").admit(row(1, range(1, 30), media=PromptMedia(pictures, {"pixel_values": np.zeros(1)})))


@pytest.fixture(scope="module")
def mllama() -> Iterator[Any]:
    from mlx_vlm.models.mllama import language

    class Speaker:
        __call__ = language.LanguageModel.__call__

    class Reads:
        class config:  # noqa: N801
            model_type = "mllama"

        language_model = Speaker()

        def get_input_embeddings(self) -> None: ...

    yield Reads()


def test_a_family_that_wants_more_than_embeddings_is_refused_when_it_is_loaded(mllama: Any) -> None:
    with pytest.raises(UnsupportedMultimodal, match="type mllama cannot"):
        vision_network(mllama)


def test_a_model_that_looks_at_what_another_prompt_left_behind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    speaker = type(model("qwen2_vl").language_model)
    inner = speaker.__call__

    def nosy(self: Any, inputs: Any, *args: Any, **more: Any) -> Any:
        if self._rope_deltas is not None:
            more["position_ids"] = more["position_ids"] + self._rope_deltas
        return inner(self, inputs, *args, **more)

    monkeypatch.setattr(speaker, "__call__", nosy)
    with pytest.raises(UnsupportedMultimodal, match="type qwen2_vl"):
        network("qwen2_vl")
