"""Sizes as people read them."""

from __future__ import annotations

import pytest

from domain.byte_size import parse_size, readable_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1024.0 KiB"),
        (1024**2, "1.0 MiB"),
        (3 * 1024**2 // 2, "1.5 MiB"),
        (1024**3, "1.0 GiB"),
        (12 * 1024**3, "12.0 GiB"),
        (5000 * 1024**3, "5000.0 GiB"),
    ],
)
def test_a_size_has_the_largest_unit_that_it_fills(count: int, text: str) -> None:
    assert readable_size(count) == text


@pytest.mark.parametrize("text", ["", "i", "5i5", "many", "1.5.2GB", "-1"])
def test_what_is_no_size_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_size(text)
    assert str(caught.value) == "must be a size such as 512MB, 2GiB or 0"
