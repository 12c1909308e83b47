"""The server's answers are those of mlx-vlm's own loop over the same files, right or wrong."""

from __future__ import annotations

import random
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from mlx_vlm import load
from mlx_vlm.prompt_utils import get_chat_template
from PIL import Image

from scripts.train_vision.checkpoint import said_of
from scripts.train_vision.lessons import questions_for
from scripts.train_vision.pictures import as_file, draw, every_scene
from tests.support.trained_vision import FOLDER, Asker, drawing, said, user

RED, BLUE, GREEN = drawing("a red circle"), drawing("two blue squares"), drawing("three green triangles")


@pytest.fixture(scope="module")
def oracle() -> tuple[Any, Any]:
    model, processor = load(str(FOLDER))
    return model, processor


def by_mlx_vlm(oracle: tuple[Any, Any], *messages: dict[str, Any]) -> tuple[str, int]:
    """The answer, and how many tokens the prompt has."""
    pictures = [
        Image.open(BytesIO(b64decode(part["image_url"]["url"].partition(",")[2]))).convert("RGB")
        for message in messages
        for part in message["content"]
        if isinstance(part, dict) and part["type"] == "image_url"
    ]
    numbers = iter(range(1, len(pictures) + 1)) if len(pictures) > 1 else None
    turns = [{**message, "content": _as_template_wants(message["content"], numbers)} for message in messages]
    prompt = get_chat_template(oracle[1], turns, add_generation_prompt=True)
    inputs = oracle[1](text=[prompt], images=pictures or None)
    return said_of(*oracle, prompt, pictures), len(inputs["input_ids"][0])


def _as_template_wants(
    content: str | list[dict[str, Any]], numbers: Iterator[int] | None
) -> str | list[dict[str, Any]]:
    """numbers: written before the pictures, each on a line of its own, where there are several."""
    if isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = []
    for part in content:
        if part["type"] != "image_url":
            parts.append(part)
            continue
        if numbers is not None:
            line_end = "\n" if parts and parts[-1]["type"] == "text" else ""
            parts.append({"type": "text", "text": f"{line_end}[Image {next(numbers)}]\n"})
        parts.append({"type": "image"})
    return parts


CONVERSATIONS = (
    (user(RED, "Describe the image."),),
    (user("What colour is it?", BLUE),),
    (user("Look: ", GREEN, " and say how many there are."),),
    (user(RED, "Which colours", BLUE, " are they?", GREEN),),
    ({"role": "system", "content": "You look at images."}, user(BLUE, GREEN, "Describe the images.")),
    (user(RED, "What colour is it?"), said("Red."), user("Which shape is it?")),
    (user(RED, BLUE, "Describe the images."), said("No idea."), user("Once more."), said("No."), user(GREEN, "This?")),
    ({"role": "user", "content": "Why is the sky blue?"},),
)


@pytest.mark.parametrize("talk", CONVERSATIONS)
def test_a_conversation_is_answered_as_mlx_vlm_answers_it(
    model: Asker, oracle: tuple[Any, Any], talk: tuple[dict[str, Any], ...]
) -> None:
    expected, tokens = by_mlx_vlm(oracle, *talk)
    assert expected
    answer = model.ask(*talk)
    assert answer.usage.prompt_tokens == tokens
    assert answer.choices[0].message.content == expected
    assert "".join(model.pieces(*talk)) == expected


def test_fresh_drawings_are_read_as_mlx_vlm_reads_them(model: Asker, oracle: tuple[Any, Any]) -> None:
    rng = random.Random(99)  # noqa: S311 - it must repeat
    for scene in rng.sample(every_scene(), 10):
        question = rng.choice(questions_for([scene]))
        turn = user(as_file(draw(scene, rng), "PNG"), question)
        assert model.text(turn) == by_mlx_vlm(oracle, turn)[0], (scene, question)
