"""Other names for models: chains end, circles are refused."""

from __future__ import annotations

import pytest

from domain.errors import InvalidRequest
from domain.serving.aliases import meaning
from domain.serving.model_settings import ServingRules

ALIASES = {"fast": "small", "small": "org/tiny", "Big": "org/big"}


@pytest.mark.parametrize(
    ("name", "meant"), [("fast", "org/tiny"), ("small", "org/tiny"), ("big", "org/big"), ("org/none", "org/none")]
)
def test_a_chain_of_aliases_leads_to_a_model_in_any_case(name: str, meant: str) -> None:
    assert meaning(name, ALIASES) == meant


def test_case_counts_where_nothing_else_tells_two_aliases_apart() -> None:
    assert [meaning(each, {"a": "x", "A": "y"}) for each in ("a", "A")] == ["x", "y"]


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ({"a": "a"}, "'a' leads in a circle: a -> a"),
        ({"a": "b", "b": "A"}, "'a' leads in a circle: a -> b -> a"),
        ({"x": "a", "a": "b", "b": "a"}, "'a' leads in a circle: a -> b -> a"),
        ({"a": " "}, "'a' = ' ' lacks a name"),
        ({"": "org/x"}, "lacks a name"),
    ],
)
def test_a_circle_and_an_empty_name_are_refused_by_name(aliases: dict[str, str], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as refusal:
        ServingRules(aliases=aliases)
    assert refusal.value.param == "aliases"


def test_a_circle_is_shown_whole_with_the_way_out() -> None:
    with pytest.raises(InvalidRequest) as caught:
        meaning("a", {"a": "b", "b": "c", "c": "b"})
    assert caught.value.message == "the alias 'b' leads in a circle: b -> c -> b"
    assert (caught.value.hint, caught.value.param) == ("let one of them name a model", "aliases")
