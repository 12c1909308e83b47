"""The committed weights of the vision model of the tests, through the ordinary mlx-vlm path, on drawings it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from mlx.utils import tree_flatten
from mlx_vlm import load

from scripts.train_vision.checkpoint import PROOF_SEED, score, unseen_questions
from scripts.train_vision.lessons import TEXT_ONLY

FOLDER = Path(__file__).parents[1] / "assets" / "vision"
FILES = {
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
}


@pytest.fixture(scope="module")
def vision() -> Any:
    return load(str(FOLDER))


def test_the_folder_holds_the_usual_files_and_stays_below_four_megabytes() -> None:
    assert {path.name for path in FOLDER.iterdir()} == FILES
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 4_000_000


def test_it_is_a_bfloat16_model_of_one_to_two_million_parameters(vision: Any) -> None:
    arrays = [array for _, array in tree_flatten(vision[0].parameters())]
    assert {array.dtype for array in arrays} == {mx.bfloat16}
    assert 1_000_000 < sum(array.size for array in arrays) < 2_000_000


def test_it_names_what_it_sees_in_drawings_that_it_never_saw(vision: Any) -> None:
    told = score(*vision, unseen_questions(PROOF_SEED, each=1))
    assert {text: each.wrong for text, each in told.items() if each.share < LEAST[text]} == {}


LEAST = dict.fromkeys(TEXT_ONLY, 1.0) | {}
