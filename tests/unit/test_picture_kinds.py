"""What a file is, by its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.inference.picture_kinds import other_kind, picture_format
from tests.support.pictures import BEGINNINGS


@pytest.mark.parametrize("kind", sorted(BEGINNINGS))
def test_pictures_are_known_by_their_beginning(kind: str) -> None:
    assert picture_format(BEGINNINGS[kind] + b"anything") == kind
    assert picture_format(BEGINNINGS[kind][:-1]) is None or kind == "jpeg"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"<?xml version='1.0'?>\n<SVG/>", "is an SVG drawing"),
        (b"<!DOCTYPE html>", "is an HTML page"),
        (b"\0\0\0\x18ftypavif", "is an AVIF picture"),
        (b"\0\0\0\x18ftypavis and more", "is an AVIF picture"),
        (b"\0\0\0\x18ftypqt  more", "is a video or sound file (qt)"),
        (b"\0\0\0\x18ftyp\xff\xff42", "is a video or sound file (\ufffd\ufffd42)"),
        (b"BM6", "is a BMP file"),
        (b"PK\x03\x04", "is a ZIP archive"),
        (b"x" * 1020 + b"<svg>", "is an SVG drawing"),
        (b"x" * 1021 + b"<svg>", "is no picture, or a broken one"),
        (b"\0\0\0\x18ftypmp42", "is a video or sound file (mp42)"),
        (b"GIF90a", "is no picture, or a broken one"),
        (b"RIFF\0\0\0\0WAVE", "is no picture, or a broken one"),
    ],
)
def test_what_is_none_is_called_what_it_is(data: bytes, what: str) -> None:
    assert picture_format(data) is None
    assert other_kind(data) == what


@given(st.binary(max_size=40))
def test_any_bytes_are_something(data: bytes) -> None:
    assert picture_format(data) is not None or other_kind(data).startswith("is ")
