"""Vectors as JSON lose nothing."""

from __future__ import annotations

import json
import struct
from array import array

import pytest

from domain.inference.embedding import Vector
from domain.inference.vector_text import vector_text


def test_every_float_of_32_bits_comes_back_to_the_last_bit() -> None:
    words = [number * 2_654_435_761 % 2**32 for number in range(20_000)]  # far apart, over all exponents
    finite = [word for word in words if word & 0x7F800000 != 0x7F800000]
    data = struct.pack(f"<{len(finite)}I", *finite)
    assert array("f", json.loads(vector_text(Vector(data)))).tobytes() == data


@pytest.mark.parametrize("number", [0.0, -0.0, 1.0, 1e-45, 3.4028234663852886e38, 0.1, 1 / 3])
def test_the_edges_come_back_too(number: float) -> None:
    data = struct.pack("<f", number)
    assert struct.pack("<f", *json.loads(vector_text(Vector(data)))) == data


def test_numbers_are_as_short_as_nine_digits_allow() -> None:
    assert vector_text(Vector(struct.pack("<3f", 0.1, 1.0, -0.5))) == "[0.100000001,1,-0.5]"


def test_a_zero_below_zero_stays_one_wherever_it_stands() -> None:
    data = struct.pack("<4f", -0.0, 1e-10, -0.0, 10.0)
    assert array("f", json.loads(vector_text(Vector(data)))).tobytes() == data
