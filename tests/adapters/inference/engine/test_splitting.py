"""What a processor made of several pictures, taken apart."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
import numpy as np
import pytest

from adapters.inference.engine.splitting import as_arrays, pieces_of
from ports.text_codec import PromptMedia, PromptPicture

PROMPT = (1, 9, 9, 9, 9, 2, 9, 9, 3)
PICTURES = (PromptPicture(1, 5, "a"), PromptPicture(6, 8, "b"))


def pieces(**inputs: Any) -> list[Any]:
    return pieces_of(PROMPT, PromptMedia(PICTURES, inputs))


def rows(count: int, *shape: int) -> np.ndarray:
    return np.arange(count).reshape(-1, *[1] * len(shape)) * np.ones((count, *shape), np.int64)


@pytest.mark.parametrize(
    ("inputs", "first", "second"),
    [
        ({"pixel_values": rows(2, 3)}, [0], [1]),
        ({"pixel_values": rows(12, 3), "image_grid_thw": np.array([[1, 2, 4], [1, 2, 2]])}, range(8), range(8, 12)),
        ({"pixel_values": rows(12, 3), "video_grid_thw": np.array([[1, 2, 4], [1, 2, 2]])}, range(8), range(8, 12)),
        ({"pixel_values": rows(6, 3)}, range(4), range(4, 6)),
        ({"pixel_values": rows(6, 3)[None]}, range(4), range(4, 6)),
        ({"pixel_values": [rows(1)[0], rows(2)[1]]}, [0], [1]),
    ],
)
def test_each_picture_gets_its_own(inputs: dict[str, Any], first: Any, second: Any) -> None:
    found = pieces(**inputs)
    assert [(piece.start, piece.end, piece.tokens) for piece in found] == [(1, 5, (9,) * 4), (6, 8, (9,) * 2)]
    told = [np.unique(np.array(piece.inputs["pixel_values"])).tolist() for piece in found]
    assert told == [list(first), list(second)]


def test_what_is_told_of_each_token_goes_with_its_place() -> None:
    first, second = pieces(pixel_values=rows(2, 3), mask=np.arange(9)[None], scale=2.5)
    assert first.inputs["mask"].tolist() == [[1, 2, 3, 4]]
    assert second.inputs["mask"].tolist() == [[6, 7]]
    assert first.inputs["scale"] == second.inputs["scale"] == 2.5


def test_what_cannot_be_told_apart_stays_together_and_is_known_as_the_whole() -> None:
    (whole,) = pieces(pixel_values=rows(5, 3), mask=np.arange(9)[None])
    assert (whole.start, whole.end, whole.tokens) == (1, 8, PROMPT[1:8])
    assert len(whole.inputs["pixel_values"]) == 5
    assert whole.inputs["mask"].tolist() == [list(range(1, 8))]
    (other,) = pieces_of(PROMPT, PromptMedia((PICTURES[0], PromptPicture(6, 8, "c")), {"pixel_values": rows(5, 3)}))
    assert other.key != whole.key


def test_a_picture_beside_a_video_stays_with_it_even_where_the_numbers_would_come_out() -> None:
    grids = {"image_grid_thw": np.array([[1, 2, 2]]), "video_grid_thw": np.array([[1, 2, 4]])}
    (whole,) = pieces(pixel_values=rows(6, 3), pixel_values_videos=rows(12, 3), **grids)
    assert (whole.start, whole.end) == (1, 8)
    assert len(whole.inputs["pixel_values_videos"]) == 12


def test_what_is_not_known_is_not_guessed_at() -> None:
    (whole,) = pieces(pixel_values=rows(6, 3), windows=rows(3, 3))
    assert len(whole.inputs["windows"]) == 3


def test_one_picture_has_everything() -> None:
    (piece,) = pieces_of(PROMPT, PromptMedia(PICTURES[:1], {"pixel_values": rows(5, 3)}))
    assert len(piece.inputs["pixel_values"]) == 5


def test_a_picture_is_known_at_any_place_by_what_it_shows_and_how_many_tokens_it_has() -> None:
    def key(prompt: tuple[int, ...], start: int, end: int, digest: str) -> str:
        return pieces_of(prompt, PromptMedia((PromptPicture(start, end, digest),), {}))[0].key

    assert key((1, 9, 9), 1, 3, "a") == key((9, 9), 0, 2, "a")
    assert len({key((9, 9, 9), 0, 2, "a"), key((9, 9, 9), 0, 3, "a"), key((9, 9, 9), 0, 2, "b")}) == 3


def test_a_picture_that_was_made_ready_otherwise_is_another() -> None:
    def key(**inputs: Any) -> str:
        return pieces_of(PROMPT, PromptMedia(PICTURES[:1], inputs))[0].key

    wide, tall = np.array([[1, 2, 8]]), np.array([[1, 8, 2]])
    assert key(pixel_values=rows(16, 96), grid=wide) != key(pixel_values=rows(16, 96), grid=tall)
    assert key(pixel_values=rows(16, 96), grid=wide) != key(pixel_values=rows(12, 96), grid=wide)
    assert key(pixel_values=rows(16, 96), grid=wide) == key(pixel_values=rows(16, 96), grid=wide.copy())


def test_numbers_become_arrays_and_ragged_lists_stay_lists() -> None:
    assert isinstance(as_arrays(np.ones(2)), mx.array)
    assert as_arrays([[1, 2], [3, 4]]).shape == (2, 2)
    ragged = as_arrays([np.ones((2, 2)), np.ones((3, 2))])
    assert [each.shape for each in ragged] == [(2, 2), (3, 2)]
    assert as_arrays(None) is None
    assert as_arrays("fast") == "fast"
    assert as_arrays(["fast"]) == ["fast"]
