"""Base64 in pieces that may end anywhere."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest
from entrypoints.http.realtime.base64_line import Base64Line


@given(st.binary(max_size=200), st.integers(1, 11))
def test_a_text_may_be_cut_anywhere(data: bytes, size: int) -> None:
    text = b64encode(data).decode()
    line = Base64Line()
    pieces = [line.read(text[at : at + size]) for at in range(0, len(text), size)]
    assert b"".join(pieces) + line.rest() == data


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_each_piece_may_be_a_text_of_its_own(pieces: list[bytes]) -> None:
    line = Base64Line()
    assert b"".join(line.read(b64encode(each).decode()) for each in pieces) == b"".join(pieces)


@given(st.binary(max_size=20))
def test_a_last_text_without_its_padding_is_whole(data: bytes) -> None:
    line = Base64Line()
    assert line.read(b64encode(data).decode().rstrip("=")) + line.rest() == data


@pytest.mark.parametrize("wrong", ["????", "AA=A", "A===", "AAAA\n", "AAAA====", "ÄÄÄÄ", "AA AA AA", "AA-_"])
def test_what_is_no_base64_is_refused_and_nothing_of_it_waits(wrong: str) -> None:
    line = Base64Line()
    with pytest.raises(InvalidRequest, match="audio is no base64"):
        line.read(wrong + "AAAA")
    assert line.read("AAAA") == bytes(3)


def test_a_single_character_at_the_end_is_refused() -> None:
    line = Base64Line()
    assert line.read("AAAAA") == bytes(3)
    with pytest.raises(InvalidRequest):
        line.rest()
    assert line.rest() == b""


def test_a_cleared_line_forgets_what_waited() -> None:
    line = Base64Line()
    line.read("AA")
    line.clear()
    assert line.read("AAAA") == bytes(3)
