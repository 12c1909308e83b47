"""What the model reads before a picture."""

from __future__ import annotations

import pytest

from domain.errors import InvalidRequest
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Message, PictureFacts, Role
from domain.inference.picture_words import picture_lines


def facts(
    latitude: float | None = None, longitude: float | None = None, taken: str | None = None, camera: str | None = None
) -> PictureFacts:
    return PictureFacts("d", "JPEG", 4, 3, latitude, longitude, taken, camera)


def test_a_single_picture_of_which_nothing_is_known_has_no_lines() -> None:
    assert picture_lines(3, facts(), several=False) == ""


def test_one_of_several_is_numbered() -> None:
    assert picture_lines(3, facts(), several=True) == "[Image 3]\n"


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (52.520008, 13.404954, "52.5200°N, 13.4050°E"),
        (-33.856784, 151.215297, "33.8568°S, 151.2153°E"),
        (40.689249, -74.0445, "40.6892°N, 74.0445°W"),
        (-22.951916, -43.210487, "22.9519°S, 43.2105°W"),
        (0.0, 0.0, "0.0000°N, 0.0000°E"),
    ],
)
def test_places_have_four_decimals_and_their_sides(latitude: float, longitude: float, place: str) -> None:
    assert picture_lines(1, facts(latitude, longitude), several=False) == f"[Location: {place}]\n"


def test_half_a_place_is_none() -> None:
    assert picture_lines(1, facts(latitude=1.0), several=False) == ""


def test_everything_known_has_its_line_in_a_fixed_order() -> None:
    lines = picture_lines(2, facts(1.0, 2.0, "2024-05-06T07:08:09", "Canon EOS R5"), several=True)
    assert lines == ("[Image 2]\n[Location: 1.0000°N, 2.0000°E]\n[Date: 2024-05-06T07:08:09]\n[Camera: Canon EOS R5]\n")


def test_a_request_knows_its_pictures_in_order_and_refuses_numbers_that_are_not_one_each() -> None:
    one, two = (Attachment.of(AttachmentKind.IMAGE, data, 0) for data in (b"one", b"two"))
    sound = Attachment.of(AttachmentKind.AUDIO, b"sound", 0)
    turns = (Message(Role.USER, "a", attachments=(one, sound)), Message(Role.USER, "b", attachments=(two,)))
    assert GenerationRequest(turns, picture_numbers=(4, 7)).pictures == (one, two)
    with pytest.raises(InvalidRequest, match="1 picture numbers for 2 pictures"):
        GenerationRequest(turns, picture_numbers=(4,))
