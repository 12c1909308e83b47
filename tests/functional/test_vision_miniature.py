"""The committed weights of the tests' vision model, through the ordinary mlx-vlm path, on drawings it never saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_vlm import load

from scripts.train_vision.build import PROOF_SEED
from scripts.train_vision.checkpoint import Question, score, unseen_questions
from scripts.train_vision.lessons import COLOUR, COLOURS_OF_ALL, COUNT, DESCRIBE, DESCRIBE_ALL, SHAPE, TEXT_ONLY

FOLDER = Path(__file__).parents[1] / "assets" / "vision"
FILES = {
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}
# The least share of answers that are right word for word, plain and with notes before the pictures. A shape counted
# wrong makes the whole of an answer wrong, and an answer about three pictures has three chances for that.
LEAST: Mapping[bool, Mapping[str, float]] = {
    False: {
        **dict.fromkeys(TEXT_ONLY, 1.0),
        COLOUR: 0.98,
        COLOURS_OF_ALL: 0.95,
        SHAPE: 0.95,
        COUNT: 0.93,
        DESCRIBE: 0.93,
        DESCRIBE_ALL: 0.85,
    },
    True: {
        **dict.fromkeys(TEXT_ONLY, 1.0),
        COLOUR: 0.95,
        COLOURS_OF_ALL: 0.95,
        SHAPE: 0.92,
        COUNT: 0.92,
        DESCRIBE: 0.9,
        DESCRIBE_ALL: 0.65,
    },
}
SAMPLE = 5  # every so many questions of the proof; prime to the four that each drawing gets


@pytest.fixture(scope="module")
def vision() -> tuple[Any, Any]:
    model, processor = load(str(FOLDER))
    return model, processor


def lacking(vision: tuple[Any, Any], questions: Iterable[Question], least: Mapping[str, float]) -> dict[str, Any]:
    """What was answered wrong, of the questions that have less than their least share."""
    model, processor = vision
    told = score(model, processor, questions)
    return {text: each.wrong for text, each in told.items() if each.share < least[text]}


def test_the_folder_holds_the_usual_files_and_stays_below_four_megabytes() -> None:
    assert {path.name for path in FOLDER.iterdir()} == FILES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 4_000_000


def test_it_is_a_bfloat16_model_of_one_to_two_million_parameters(vision: tuple[Any, Any]) -> None:
    arrays = [array for _, array in tree_flatten(vision[0].parameters())]
    assert {array.dtype for array in arrays} == {mx.bfloat16}
    assert 1_000_000 < sum(array.size for array in arrays) < 2_000_000


@pytest.mark.parametrize("noted", [False, True])
def test_a_sample_of_the_proof_is_answered_right(vision: tuple[Any, Any], noted: bool) -> None:
    """Few questions of each kind: one may be wrong."""
    questions = list(islice(unseen_questions(PROOF_SEED, each=1, noted=noted), 0, None, SAMPLE))
    counts = {text: sum(each.text == text for each in questions) for text in LEAST[noted]}
    least = {text: LEAST[noted][text] - 1 / max(1, count) for text, count in counts.items()}
    assert lacking(vision, questions, least) == {}


@pytest.mark.nightly
@pytest.mark.parametrize("noted", [False, True])
def test_it_names_what_it_sees_in_drawings_that_it_never_saw(vision: tuple[Any, Any], noted: bool) -> None:
    assert lacking(vision, unseen_questions(PROOF_SEED, each=2, noted=noted), LEAST[noted]) == {}
