"""The training of the tests' vision model, on a tiny one: the same code, seconds instead of half an hour."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx.utils import tree_flatten
from mlx_vlm import load
from mlx_vlm.prompt_utils import get_chat_template
from PIL import Image

from scripts.train_vision.__main__ import main
from scripts.train_vision.checkpoint import Question, prompt_of, said_of
from scripts.train_vision.encoding import Gallery, LessonCoder
from scripts.train_vision.lessons import (
    COLOURS_OF_ALL,
    DESCRIBE_ALL,
    TEXT_ONLY,
    Lesson,
    Teacher,
    Turn,
    answer_to,
    notes_for,
    questions_for,
)
from scripts.train_vision.pictures import COLOURS, Scene, draw, every_scene
from scripts.train_vision.recipe import TINY
from scripts.train_vision.tokenizer import IMAGE, train_tokenizer
from scripts.train_vision.training import train

RED, BLUE = Scene("red", "circle", 1), Scene("blue", "square", 2)


def nobody(steps: int, loss: float) -> None:
    """Is told how far the training is."""


def dice(seed: int = 1) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it must repeat


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    assert main(["--out", str(folder), "--tiny"]) == 0
    return folder


def test_a_build_leaves_a_card_and_files_that_mlx_vlm_loads_and_answers_from(tiny: Path) -> None:
    names = {path.name for path in tiny.iterdir()}
    assert {"config.json", "generation_config.json", "preprocessor_config.json", "model.safetensors"} <= names
    assert "| What colour is it? | " in (tiny / "README.md").read_text(encoding="utf-8")
    assert "backend" not in json.loads((tiny / "tokenizer_config.json").read_text(encoding="utf-8"))
    model, processor = load(str(tiny))
    assert {array.dtype for _, array in tree_flatten(model.parameters())} == {mx.bfloat16}
    pictures = (draw(RED, dice()), draw(BLUE, dice()))
    prompt = prompt_of(processor, Question(COLOURS_OF_ALL, "", pictures, before=False))
    assert prompt.count(IMAGE) == 2
    assert isinstance(said_of(model, processor, prompt, pictures), str)


def test_the_same_seed_gives_identical_weights_and_another_seed_does_not() -> None:
    short = replace(TINY, school_steps=1, steps=1, noted_steps=1)

    def weights(seed: int) -> dict[str, mx.array]:
        made = train(short, train_tokenizer(), seed, nobody)
        return dict(tree_flatten(made.parameters()))

    first, again, other = weights(3), weights(3), weights(4)
    assert all(mx.array_equal(first[name], again[name]).item() for name in first)
    assert any(not mx.array_equal(first[name], other[name]).item() for name in first)


@pytest.fixture(scope="module")
def coder() -> LessonCoder:
    return LessonCoder(train_tokenizer(), Gallery([RED, BLUE], 1, dice()), dice())


def tokens_of(coder: LessonCoder, lesson: Lesson) -> tuple[list[int], list[int]]:
    """All tokens, and those that are learned."""
    batch = coder.batch([lesson])
    tokens: Any = batch.tokens[0].tolist()
    weights: Any = batch.weights[0].tolist()
    return tokens, [token for token, weight in zip(tokens, weights, strict=True) if weight]


def test_only_what_the_assistant_says_is_learned(coder: LessonCoder) -> None:
    lesson = Lesson((Turn("What?", "A red circle.", (RED,)), Turn("And now?", "Red.")), system="Look.")
    _, learned = tokens_of(coder, lesson)
    assert train_tokenizer().decode(learned) == "A red circle.<|im_end|>Red.<|im_end|>"


def shortened(tokens: list[int]) -> list[int]:
    """With one token for each picture: how many it has hangs on its size."""
    picture = train_tokenizer().convert_tokens_to_ids(IMAGE)
    return [token for at, token in enumerate(tokens) if token != picture or tokens[at - 1] != picture]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("notes", [(), ("[Image 1]\n", "[Image 2]\n[Camera: Acme X1]\n")])
def test_a_lesson_is_written_as_the_template_and_the_processor_write_it(
    coder: LessonCoder, tiny: Path, before: bool, notes: tuple[str, ...]
) -> None:
    _, processor = load(str(tiny))
    pictures = tuple(Image.new("RGB", (56, 56)) for _ in range(2))
    asked = prompt_of(processor, Question(DESCRIBE_ALL, "", pictures, before=before, notes=notes))
    expected = np.array(processor(text=[asked], images=list(pictures))["input_ids"])[0].tolist()
    tokens, _ = tokens_of(coder, Lesson((Turn(DESCRIBE_ALL, "", (RED, BLUE), before=before, notes=notes),)))
    assert shortened(tokens)[: len(shortened(expected))] == shortened(expected)


def test_later_turns_are_written_as_the_template_writes_them(coder: LessonCoder, tiny: Path) -> None:
    _, processor = load(str(tiny))
    talk = [("What?", "A red circle."), ("And now?", "Red.")]
    messages: list[dict[str, Any]] = [
        {"role": role, "content": text} for pair in talk for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    picture = Image.new("RGB", (56, 56))
    messages[0]["content"] = [{"type": "image"}, {"type": "text", "text": "What?"}]
    asked = get_chat_template(processor, messages, add_generation_prompt=False)
    expected = np.array(processor(text=[asked], images=[picture])["input_ids"])[0].tolist()
    tokens, _ = tokens_of(coder, Lesson((Turn(*talk[0], (RED,)), Turn(*talk[1]))))
    assert shortened(tokens) == shortened(expected)


def test_every_drawing_has_its_colour_and_differs_from_the_next() -> None:
    rng = dice()
    for scene in every_scene():
        one, two = draw(scene, rng, (96, 96)), draw(scene, rng, (96, 96))
        assert one.tobytes() != two.tobytes()
        pixels = np.asarray(one).reshape(-1, 3).astype(int)
        near = (np.abs(pixels - COLOURS[scene.colour]) <= 12).all(axis=1)
        assert near.mean() > 0.03, scene


def test_what_is_asked_has_one_answer_that_tells_what_is_drawn() -> None:
    assert [answer_to(question, [RED]) for question in questions_for([RED])] == [
        "Red.",
        "One.",
        "A red circle.",
        "A circle.",
    ]
    assert answer_to(DESCRIBE_ALL, [RED, BLUE, RED]) == "A red circle, two blue squares and a red circle."
    assert answer_to(COLOURS_OF_ALL, [RED, BLUE]) == "Red and blue."


def test_lessons_show_pictures_in_both_places_later_turns_and_words_alone() -> None:
    teacher = Teacher(every_scene(), dice())
    lessons = [teacher.lesson() for _ in range(400)]
    turns = [turn for lesson in lessons for turn in lesson.turns]
    assert {len(lesson.turns) for lesson in lessons} == {1, 2, 3}
    assert {len(turn.scenes) for turn in turns} == {0, 1, 2, 3}
    assert {turn.before for turn in turns if turn.scenes} == {True, False}
    assert set(TEXT_ONLY) <= {turn.question for turn in turns}
    assert not any(turn.notes for turn in turns)


def test_noted_lessons_number_pictures_through_all_turns_where_there_are_several() -> None:
    teacher = Teacher(every_scene(), dice(), noted=True)
    lessons = [teacher.lesson() for _ in range(300)]
    notes = [[note for turn in lesson.turns for note in turn.notes] for lesson in lessons]
    assert any(len(each) == 1 and each[0].startswith("[Location: ") for each in notes)
    for several in (each for each in notes if len(each) > 1):
        assert [note.partition("\n")[0] for note in several] == [f"[Image {at + 1}]" for at in range(len(several))]
    assert any(not each for each in notes)
    assert notes_for(1, dice(3))[0].count("[Image") == 0
