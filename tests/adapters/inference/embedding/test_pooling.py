"""From the vectors of tokens to one, on arrays small enough to do by hand."""

from __future__ import annotations

import math

import mlx.core as mx
import numpy as np
import pytest

from adapters.inference.embedding.pooling import pooled, unit_length
from domain.inference.vector_habits import Pooling

# Two texts, of three tokens and of one; what stands behind the second is no number at all.
HIDDEN = mx.array([[[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]], [[7.0, 8.0], [math.nan, math.inf], [math.nan, 9.0]]])
LENGTHS = mx.array([3, 1])
NOTHING = mx.array([0, 0])
BY_HAND = {
    Pooling.CLS: [[1.0, 2.0], [7.0, 8.0]],
    Pooling.LAST: [[5.0, 6.0], [7.0, 8.0]],
    Pooling.MAX: [[5.0, 6.0], [7.0, 8.0]],
    Pooling.MEAN: [[3.0, 4 / 3], [7.0, 8.0]],
    Pooling.MEAN_SQRT: [[9 / math.sqrt(3), 4 / math.sqrt(3)], [7.0, 8.0]],
    Pooling.WEIGHTED_MEAN: [[22 / 6, 12 / 6], [7.0, 8.0]],
}


@pytest.mark.parametrize("pooling", list(Pooling))
def test_a_pooling_is_what_its_name_says_whatever_stands_behind_a_text(pooling: Pooling) -> None:
    found = pooled(HIDDEN, LENGTHS, NOTHING, [pooling])
    assert np.array(found) == pytest.approx(np.array(BY_HAND[pooling]))


def test_several_poolings_are_put_together_in_their_order() -> None:
    found = pooled(HIDDEN, LENGTHS, NOTHING, [Pooling.LAST, Pooling.MEAN])
    assert list(np.array(found)[0]) == pytest.approx([5.0, 6.0, 3.0, 4 / 3])


def test_what_does_not_count_of_a_prompt_is_left_out_unless_nothing_is_left() -> None:
    found = pooled(HIDDEN, LENGTHS, mx.array([1, 1]), [Pooling.MEAN])
    assert found.tolist() == [[4.0, 1.0], [7.0, 8.0]]
    assert pooled(HIDDEN, LENGTHS, mx.array([1, 1]), [Pooling.CLS])[0].tolist() == [1.0, 2.0]


def test_halves_are_pooled_in_32_bits() -> None:
    many = mx.full((1, 4000, 1), 1.001, mx.float16)
    found = pooled(many, mx.array([4000]), mx.array([0]), [Pooling.MEAN])
    assert found.dtype == mx.float32
    assert found.item() == pytest.approx(many[0, 0, 0].item(), rel=1e-5)


def test_vectors_get_unit_length_and_zeros_stay_zeros() -> None:
    found = unit_length(mx.array([[3.0, 4.0], [0.0, 0.0]]))
    assert np.array(found) == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))
