"""Where a prompt leaves what is remembered, in one value."""

from __future__ import annotations

import pytest

from domain.serving.prompt_divergence import SHOWN_TOKENS, Divergence, Loss, common_length, divergence, nearest

LONG = tuple(range(10_000))


@pytest.mark.parametrize("length", [0, 1, 4_095, 4_096, 4_097, 8_192, 9_999, 10_000])
def test_the_common_beginning_is_found_to_the_token(length: int) -> None:
    other = (*LONG[:length], *(-1 for _ in range(5)))
    assert common_length(LONG, other) == length
    assert common_length(other, LONG) == length
    assert common_length(LONG, LONG[:length]) == length


def test_the_nearest_is_the_one_that_agrees_longest() -> None:
    assert nearest((1, 2, 3, 4), [(1, 9), (1, 2, 3, 9), (1, 2)]) == (3, (1, 2, 3, 9))
    assert nearest((1,), []) == (0, None)
    assert nearest((5,), [(1,)]) == (0, (1,))


@pytest.mark.parametrize(
    ("prompt", "remembered", "kind"),
    [
        ((1, 2, 3), [], Divergence.NOTHING_REMEMBERED),
        ((1, 2, 3), [(1, 2, 3)], Divergence.IDENTICAL),
        ((1, 2, 3), [(1, 2)], Divergence.PROMPT_GOES_ON),
        ((1, 2), [(1, 2, 3)], Divergence.PROMPT_ENDS),
        ((1, 2, 4), [(1, 2, 3)], Divergence.TOKENS_DIFFER),
        ((9,), [(1, 2, 3)], Divergence.TOKENS_DIFFER),
    ],
)
def test_how_they_part(prompt: tuple[int, ...], remembered: list[tuple[int, ...]], kind: Divergence) -> None:
    assert divergence(prompt, remembered, 0, Loss.FORGOTTEN).kind is kind


def test_both_sides_are_shown_from_the_first_token_that_differs() -> None:
    found = divergence((1, 2, *range(50, 90)), [(1, 2, 3, 4)], 2, Loss.FORGOTTEN)
    assert found.matched_tokens == 2
    assert found.prompt_next == tuple(range(50, 50 + SHOWN_TOKENS))
    assert found.remembered_next == (3, 4)


@pytest.mark.parametrize(
    ("reusable", "loss"), [(3, Loss.NONE), (4, Loss.NONE), (2, Loss.LAST_TOKEN), (1, Loss.FORGOTTEN)]
)
def test_a_loss_is_told_only_where_something_is_lost(reusable: int, loss: Loss) -> None:
    assert divergence((1, 2, 3), [(1, 2, 3)], reusable, Loss.FORGOTTEN).loss is loss


def test_the_last_token_excuses_nothing_in_the_middle_of_a_prompt() -> None:
    assert divergence((1, 2, 3, 4), [(1, 2, 9)], 1, Loss.NO_SNAPSHOT).loss is Loss.NO_SNAPSHOT


def test_token_0_is_no_picture() -> None:
    for prompt, remembered in (((1, 0), (1, -5)), ((1, -5), (1, 0)), ((1, 0), (1, 2))):
        assert divergence(prompt, [remembered], 1, Loss.NONE).kind is Divergence.TOKENS_DIFFER
    assert divergence((1, -5), [(1, -6)], 1, Loss.NONE).kind is Divergence.PICTURES_DIFFER


def test_of_several_that_agree_as_far_the_first_is_the_nearest() -> None:
    assert nearest((1, 2, 3), [(9,), (1, 2, 4), (1, 2, 5)]) == (2, (1, 2, 4))
    assert nearest((1,), []) == (0, None)
    assert nearest((1,), [(2,)]) == (0, (2,))
