"""Where, when and with what a picture was taken: in the table, and in the model's prompt word for word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from tests.support.drawn import tags
from tests.support.trained_vision import Asker, House, drawing, said, user

WITH_TABLE = {"mlxk": {"image_table": True}}
CAMERA = {0x010F: "Acme", 0x0110: "X1"}
DATE = {0x9003: "2024:05:06 07:08:09"}
PICTURE_BEGINS, PICTURE = "<|vision_start|>", "<|image_pad|>"


def place(north: str, east: str) -> Mapping[int, object]:
    return {1: north, 2: (33.0, 51.0, 24.48), 3: east, 4: (151.0, 12.0, 54.72)}


def photo(exif: Image.Exif | None, words: str = "a red circle") -> bytes:
    return drawing(words, "JPEG", exif)


def row(model: Asker, picture: bytes) -> str:
    """What the table says of the one picture, after its file's name."""
    shown = model.text(user(picture, "look"), extra_body=WITH_TABLE, max_tokens=1)
    line = next(line for line in shown.splitlines() if line.startswith("| 1 |"))
    return line.split(" | ", 2)[2] if line.count("|") > 3 else ""


def is_read(model: Asker, lines: str, *messages: dict[str, Any]) -> bool:
    """Whether the prompt has `lines`, and nothing else, before the first picture of its last turn: to there it matches
    a prompt of these words to the last token. The prompt itself must be new to the model.
    """
    model.ask(*messages[:-1], {"role": "user", "content": f"{lines}!"}, max_tokens=1)
    left = model.explained(*messages)["diverges_at"]
    return bool(left["prompt"]["text"] == PICTURE_BEGINS and left["remembered"]["text"] == "!")


@pytest.mark.parametrize(
    ("north", "east", "shown"),
    [
        ("N", "E", "33.8568°N, 151.2152°E"),
        ("N", "W", "33.8568°N, 151.2152°W"),
        ("S", "E", "33.8568°S, 151.2152°E"),
        ("S", "W", "33.8568°S, 151.2152°W"),
    ],
)
def test_a_place_in_any_quarter_is_shown_and_told(model: Asker, north: str, east: str, shown: str) -> None:
    picture = photo(tags(place=place(north, east)))
    assert is_read(model, f"[Location: {shown}]\n", user(picture, "look"))
    assert row(model, picture) == f"{shown} |  |  |"


@pytest.mark.parametrize(
    ("exif", "shown", "lines"),
    [
        (tags(details=DATE), " | 2024-05-06T07:08:09 |  |", "[Date: 2024-05-06T07:08:09]\n"),
        (tags(CAMERA), " |  | Acme X1 |", "[Camera: Acme X1]\n"),
        (
            tags(CAMERA, DATE, place("S", "E")),
            "33.8568°S, 151.2152°E | 2024-05-06T07:08:09 | Acme X1 |",
            "[Location: 33.8568°S, 151.2152°E]\n[Date: 2024-05-06T07:08:09]\n[Camera: Acme X1]\n",
        ),
    ],
)
def test_date_and_camera_are_shown_and_told_where_the_file_has_them(
    model: Asker, exif: Image.Exif, shown: str, lines: str
) -> None:
    picture = photo(exif, "a blue square")
    assert is_read(model, lines, user(picture, "look"))
    assert row(model, picture) == shown


def test_nothing_stands_before_a_picture_whose_file_tells_nothing(model: Asker) -> None:
    bare, other = photo(None, "a white circle"), drawing("a black circle")
    model.ask(user(other, "look"), max_tokens=1)
    left = model.explained(user(bare, "look"))["diverges_at"]
    assert left["prompt"]["text"] == PICTURE
    assert left["remembered"]["text"] == PICTURE
    assert row(model, bare) == ""


def test_the_model_reads_the_numbers_that_the_table_shows(model: Asker) -> None:
    one, two = (
        photo(tags({0x0110: name}), words) for name, words in (("Q7", "a white square"), ("Q8", "a red square"))
    )
    assert is_read(model, "[Image 1]\n[Camera: Q7]\n", user(one, two, "look"))
    first = model.text(user(one, two, "look"), extra_body=WITH_TABLE, max_tokens=4)
    later = ({"role": "user", "content": "look"}, said(first))
    assert is_read(model, "[Image 2]\n[Camera: Q8]\n", *later, user(two, drawing("a white square"), "?"))


def test_a_photo_is_answered_for_what_is_on_it(model: Asker) -> None:
    told = photo(tags(CAMERA, DATE, place("N", "E")), "a green circle")
    assert model.text(user(told, "What colour is it?")) == "Green."
    both = user(told, photo(tags(CAMERA), "a blue square"), "Describe the images.")
    assert model.text(both) == "A green circle and a blue square."


def test_nothing_of_it_is_read_where_nobody_wants_it(home: House) -> None:
    (home.home / "photo.jpg").write_bytes(photo(tags(CAMERA, DATE, place("N", "E"))))
    words = ("--image", "photo.jpg", "What colour is it?", "--max-tokens=1")
    told, silent = home.run(*words), home.run(*words, "--local", MLXK2_EXIF_METADATA="0")
    assert "| Image | Filename | Original | Location | Date | Camera |" in told.stdout
    assert "Acme X1" in told.stdout
    assert silent.returncode == 0
    assert "| Image | Filename | Original |\n" in silent.stdout
    assert "Acme" not in silent.stdout
