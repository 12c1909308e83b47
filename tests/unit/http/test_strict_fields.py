"""JSON values are taken as they are: nothing is guessed, and every problem is named by its path."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import fields

from domain.errors import InvalidRequest
from entrypoints.http.schemas.content import Content, MediaPart, TextOrParts
from entrypoints.http.schemas.problems import SHOWN_PROBLEMS, found, load
from entrypoints.http.schemas.strict import (
    StrictBoolean,
    StrictInteger,
    StrictList,
    StrictNumber,
    StrictObject,
    StrictSchema,
    StrictString,
    StringOrStrings,
)

TEXT = {"type": "text", "text": "a"}


def read(field: fields.Field[Any], value: object) -> object:
    """The field's value, or the message it refuses it with."""
    schema = StrictSchema.from_dict({"x": field})
    try:
        return load(schema(), {"x": value})["x"]
    except InvalidRequest as fault:
        return fault.message


@pytest.mark.parametrize("value", [0, 3, -7, 2**80])
def test_an_integer_is_a_whole_number(value: int) -> None:
    assert read(StrictInteger(), value) == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [("3", "a string"), (True, "a boolean"), (3.0, "a number"), ([], "a list"), ({}, "an object")],
)
def test_an_integer_is_nothing_else(value: object, kind: str) -> None:
    assert read(StrictInteger(), value) == f"x: must be a whole number, got {kind}"


def test_a_number_is_whole_or_broken() -> None:
    assert read(StrictNumber(), 1) == 1.0
    assert isinstance(read(StrictNumber(), 1), float)
    assert read(StrictNumber(), 0.7) == 0.7


@pytest.mark.parametrize(("value", "kind"), [("0.7", "a string"), (False, "a boolean")])
def test_a_number_is_no_text_and_no_boolean(value: object, kind: str) -> None:
    assert read(StrictNumber(), value) == f"x: must be a number, got {kind}"


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan"), 10**400])
def test_a_number_is_finite(value: float) -> None:
    assert read(StrictNumber(), value) == "x: must be a finite number"


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_taken_as_it_is(value: bool) -> None:
    assert read(StrictBoolean(), value) is value


@pytest.mark.parametrize("value", ["yes", "true", 1, 0, "on"])
def test_a_boolean_is_only_true_or_false(value: object) -> None:
    assert read(StrictBoolean(), value) == f"x: must be true or false, got {found(value)}"


def test_a_string_is_a_string_of_whole_characters() -> None:
    assert read(StrictString(), "é\U0001f600") == "é\U0001f600"
    assert read(StrictString(), 3) == "x: must be a string, got a number"
    assert "surrogate" in str(read(StrictString(), "half \ud83d"))


def test_null_is_taken_only_where_it_is_allowed() -> None:
    assert read(StrictString(), None) == "x: must not be null"
    assert read(StrictString(load_default=None), None) is None


def test_stop_is_one_string_or_several() -> None:
    assert read(StringOrStrings(), "a") == ("a",)
    assert read(StringOrStrings(), ["a", "b"]) == ("a", "b")
    assert read(StringOrStrings(), 4) == "x: must be a string or a list of strings, got a number"
    assert read(StringOrStrings(), ["a", 4, None]) == (
        "x.1: must be a string, got a number; x.2: must be a string, got null"
    )


def test_content_is_text_or_parts_joined_by_lines() -> None:
    assert read(TextOrParts(), "plain") == Content("plain")
    assert read(TextOrParts(), [TEXT, {"type": "text", "text": "b"}]) == Content("a\nb")
    assert read(TextOrParts(), []) == Content("")


PICTURE = {"type": "image_url", "image_url": {"url": "data:"}}


def test_content_keeps_parts_that_are_not_text_and_where_they_stood() -> None:
    sound = {"type": "input_audio"}
    assert read(TextOrParts(), [sound, TEXT, PICTURE]) == Content(
        "a", (MediaPart("input_audio", 0), MediaPart("image_url", 2, 1, "data:"))
    )


def test_a_picture_parts_two_texts_and_a_line_end_does_where_there_is_none() -> None:
    other = {"type": "text", "text": "b"}
    content = read(TextOrParts(), [PICTURE, TEXT, PICTURE, PICTURE, other, TEXT, {"type": "input_audio"}, other])
    assert isinstance(content, Content)
    assert content.text == "ab\nab"
    assert [(each.index, each.at) for each in content.media] == [(0, 0), (2, 1), (3, 1), (6, 4)]


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": "data:x", "detail": "low"},
        {"type": "image_url", "image_url": {"url": "data:x", "detail": "auto"}},
        {"type": "input_image", "image_url": "data:x", "detail": "high"},
        {"type": "input_image", "image_url": {"url": "data:x"}, "detail": None},
        {"type": "video_url", "video_url": {"url": "data:x"}},
    ],
)
def test_pictures_come_in_several_spellings(part: dict[str, object]) -> None:
    assert read(TextOrParts(), [part]) == Content("", (MediaPart(str(part["type"]), 0, 0, "data:x"),))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"type": "image_url"}, "x.0.image_url: is missing"),
        ({"type": "image_url", "image_url": None}, "x.0.image_url: must be a string, got null"),
        ({"type": "image_url", "image_url": {}}, "x.0.image_url.url: is missing"),
        ({"type": "image_url", "image_url": {"url": 3}}, "x.0.image_url.url: must be a string, got a number"),
        ({"type": "input_image", "file_id": "f"}, "x.0.image_url: is missing"),
        (
            {"type": "image_url", "image_url": {"url": "u", "detail": "tiny"}},
            "x.0.detail: must be one of low, high, auto",
        ),
        ({"type": "image_url", "image_url": "u", "name": 3}, "x.0.name: must be a string of at most 255 characters"),
        ({"type": "video_url", "video_url": []}, "x.0.video_url: must be a string, got a list"),
    ],
)
def test_a_picture_that_is_none_is_named(part: dict[str, object], message: str) -> None:
    assert read(TextOrParts(), [part]) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "x: must be a string or a list of parts, got a number"),
        (None, "x: must be a string or a list of parts, got null"),
        (["a"], "x.0: must be an object with a type, got a string"),
        ([TEXT, {"type": "text"}], "x.1.text: is missing"),
        ([{"type": "text", "text": 1}], "x.0.text: must be a string, got a number"),
        ([{"text": "a"}], "x.0.type: is missing"),
    ],
)
def test_broken_content_is_named_by_its_path(value: object, message: str) -> None:
    assert read(TextOrParts(), value) == message


def test_an_unknown_kind_of_part_is_told_the_known_ones() -> None:
    assert "must be one of text, image_url" in str(read(TextOrParts(), [{"type": "hologram"}]))


class Inner(StrictSchema):
    name = StrictString(required=True)


class Outer(StrictSchema):
    number = StrictInteger(required=True)
    inner = StrictList(StrictObject(Inner), required=True)


def test_all_problems_are_told_at_once_and_the_first_is_the_parameter() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(Outer(), {"number": "3", "inner": [{"name": "a"}, {}, 4]})
    assert caught.value.message == (
        "number: must be a whole number, got a string; inner.1.name: is missing; "
        "inner.2: must be an object, got a number"
    )
    assert caught.value.param == "number"


def test_many_problems_are_counted_instead_of_told() -> None:
    with pytest.raises(InvalidRequest) as caught:
        load(Outer(), {"number": 1, "inner": [{}] * 5000})
    assert caught.value.message.endswith(f"; and {5000 - SHOWN_PROBLEMS} more")
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize("body", [[], "text", 3, None, True])
def test_a_body_is_an_object(body: object) -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON object, got"):
        load(Outer(), body)


def test_unknown_fields_are_kept_aside() -> None:
    values = load(Outer(), {"number": 1, "inner": [{"name": "a", "odd": 1}], "zeta": 2, "alpha": 3})
    assert Outer().undeclared(values) == ["alpha", "zeta"]
    assert Inner().undeclared(values["inner"][0]) == ["odd"]
