"""G.711 as the recommendation's tables have it."""

from __future__ import annotations

import zlib
from array import array

import pytest

from domain.inference.telephony import A_LAW, MU_LAW, expanded

EVERY_CODE = bytes(range(256))


@pytest.mark.parametrize(
    ("table", "code", "sample"),
    [
        (MU_LAW, 0x00, -32124), (MU_LAW, 0x80, 32124), (MU_LAW, 0xFF, 0), (MU_LAW, 0x7F, 0), (MU_LAW, 0xFE, 8),
        (A_LAW, 0x2A, -32256), (A_LAW, 0xAA, 32256), (A_LAW, 0xD5, 8), (A_LAW, 0x55, -8), (A_LAW, 0xD4, 24),
    ],
)  # fmt: skip
def test_landmarks_of_both_laws(table: tuple[int, ...], code: int, sample: int) -> None:
    assert table[code] == sample


def test_every_code_is_what_reference_decoders_make_of_it() -> None:
    assert zlib.crc32(expanded(EVERY_CODE, MU_LAW)) == 0xC847A9F
    assert zlib.crc32(expanded(EVERY_CODE, A_LAW)) == 0x9D764657


@pytest.mark.parametrize("table", [MU_LAW, A_LAW])
def test_a_code_and_the_one_of_the_other_sign_are_as_loud(table: tuple[int, ...]) -> None:
    assert all(table[code] == -table[code ^ 0x80] for code in range(256))


def test_each_byte_becomes_one_sample_in_its_place() -> None:
    samples = array("h", expanded(b"\x00\xff\x80", MU_LAW))
    assert samples.tolist() == [-32124, 0, 32124]
