"""Names from the disk never carry anything that a terminal or a JSON reader would trip over."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.printable import REPLACEMENT, printable

ANY_NAME = st.binary(max_size=40).map(lambda name: name.decode("utf-8", "surrogateescape")) | st.text()


@pytest.mark.parametrize("name", ["org/model", "模型-7B", "é ü", ""])
def test_readable_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_control_codes_and_undecodable_bytes_are_replaced() -> None:
    assert printable("red\x1b[31m\n\udce9") == f"red{REPLACEMENT}[31m{REPLACEMENT}{REPLACEMENT}"


@given(ANY_NAME)
def test_any_name_can_be_shown_and_encoded(name: str) -> None:
    shown = printable(name)
    assert shown.isprintable()
    assert len(shown) == len(name)
    json.dumps(shown, ensure_ascii=False).encode()
