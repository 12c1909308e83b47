"""How many conversations fit into what a model may use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.serving.kv_room import MOST_PADDING, KvRoom, RowBytes, dense_bytes, window_of

ROW = RowBytes(full=10, windows=((512, 4),), fixed=7)


def test_caches_grow_in_steps_and_windows_end() -> None:
    assert ROW.of(1) == ROW.of(256) == 7 + 14 * 256
    assert ROW.of(257) == 7 + 14 * 512
    assert ROW.of(1024) == 7 + 10 * 1024 + 4 * 512


def test_rows_of_one_length_are_one_batch() -> None:
    assert dense_bytes([256] * 5, ROW.of) == 5 * ROW.of(256)


def test_a_long_row_does_not_pad_short_ones() -> None:
    assert dense_bytes([256] * 15 + [25_600], ROW.of) == 15 * ROW.of(256) + ROW.of(25_600)


def test_nearly_alike_rows_are_padded_to_the_longest() -> None:
    assert dense_bytes([512, 768], ROW.of) == 2 * ROW.of(768)


@given(lengths=st.lists(st.integers(1, 5000), max_size=20))
def test_padding_never_costs_more_than_its_share(lengths: list[int]) -> None:
    needs = sum(map(ROW.of, lengths))
    assert needs <= dense_bytes(lengths, ROW.of) <= MOST_PADDING * needs


@given(limit=st.integers(0, 200_000), most=st.integers(1, 20_000))
def test_the_longest_row_fits_and_the_next_longer_does_not(limit: int, most: int) -> None:
    room = KvRoom(limit, ROW)
    longest = room.longest(most)
    assert longest == 0 or room.fits([longest])
    assert longest == most or not room.fits([longest + 1])


def test_without_a_limit_everything_fits() -> None:
    assert KvRoom(None, ROW).longest(10**9) == 10**9


@pytest.mark.parametrize(
    ("max_tokens", "explicit", "window"), [(5000, True, 5000), (5000, False, 1024), (80, False, 80), (80, True, 80)]
)
def test_a_length_that_nobody_named_is_kept_free_in_part(max_tokens: int, explicit: bool, window: int) -> None:
    assert window_of(max_tokens, explicit=explicit) == window


def test_a_limit_that_is_just_met_fits() -> None:
    room = KvRoom(512, RowBytes(full=1))
    assert room.fits([512])
    assert not room.fits([513])
    assert KvRoom(None, RowBytes(full=1)).fits([10**9])


def test_padding_of_just_its_share_is_one_batch() -> None:
    """Padded, rows of 300 and 100 take 600: half as much again as by themselves."""
    assert dense_bytes([100, 34], lambda tokens: tokens) == 200
    assert dense_bytes([100, 33], lambda tokens: tokens) == 133
    assert dense_bytes([300, 100], lambda tokens: tokens) == 600
    assert dense_bytes([100, 34, 34], lambda tokens: tokens) == 200 + 34


@pytest.mark.parametrize("most", [1, 2, 255, 256, 257, 1000])
def test_the_longest_row_is_a_whole_number_of_tokens(most: int) -> None:
    found = KvRoom(512, RowBytes(full=1)).longest(most)
    assert found == min(most, 512)
    assert isinstance(found, int)
