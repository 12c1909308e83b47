"""Where, when and with what a picture was taken: in the table, and in the model's prompt word for word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from PIL import Image

from tests.support.drawn import tags
from tests.support.trained_vision import Asker, House, drawing, house, user

WITH_TABLE = {"mlxk": {"image_table": True}}
CAMERA = {0x010F: "Acme", 0x0110: "X1"}
DATE = {0x9003: "2024:05:06 07:08:09"}
PICTURE_BEGINS = "<|vision_start|>"


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A home where everything is as it is when nobody sets anything."""
    return house(tmp_path_factory.mktemp("telling"))


@pytest.fixture(scope="module")
def model(telling: House) -> Iterator[Asker]:
    with telling.serving() as asker:
        yield asker


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
    follows = left["remembered"]["text"] == "!" or not lines
    return bool(left["prompt"]["text"] == PICTURE_BEGINS and follows)


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
        (None, "", ""),
    ],
)
def test_date_and_camera_are_shown_and_told_where_the_file_has_them(
    model: Asker, exif: Image.Exif | None, shown: str, lines: str
) -> None:
    picture = photo(exif, "a blue square")
    assert is_read(model, lines, user(picture, "look"))
    assert row(model, picture) == shown


def test_the_model_reads_the_numbers_that_the_table_shows(model: Asker) -> None:
    red, blue = drawing("a red circle"), photo(tags(CAMERA), "a blue square")
    assert is_read(model, "[Image 1]\n", user(red, blue, "look"))
    first = model.text(user(red, blue, "look"), extra_body=WITH_TABLE, max_tokens=4)
    later = ({"role": "user", "content": "look"}, {"role": "assistant", "content": first})
    assert is_read(model, "[Image 2]\n[Camera: Acme X1]\n", *later, user(blue, drawing("a white square"), "?"))


def test_a_photo_is_answered_for_what_is_on_it(model: Asker) -> None:
    assert model.text(user(photo(None), "What colour is it?")) == "Red."


def test_nothing_of_it_is_read_where_nobody_wants_it(telling: House) -> None:
    (telling.home / "photo.jpg").write_bytes(photo(tags(CAMERA, DATE, place("N", "E"))))
    words = ("--image", "photo.jpg", "What colour is it?", "--max-tokens=1")
    told, silent = telling.run(*words), telling.run(*words, "--local", MLXK2_EXIF_METADATA="0")
    assert "| Image | Filename | Original | Location | Date | Camera |" in told.stdout
    assert "Acme X1" in told.stdout
    assert silent.returncode == 0
    assert "| Image | Filename | Original |\n" in silent.stdout
    assert "Acme" not in silent.stdout
