"""What may be looked for on a hub."""

from __future__ import annotations

import pytest

from domain.errors import InvalidRequest
from domain.hub.search import SearchQuery


@pytest.mark.parametrize("words", ["", "  "])
def test_a_search_for_nothing_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SearchQuery(words)
    assert (caught.value.message, caught.value.hint, caught.value.param) == (
        "search for what?", "mlxk search qwen 0.5b", "words",
    )  # fmt: skip


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_number_of_results_out_of_range_is_named(limit: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SearchQuery("qwen", limit)
    assert (caught.value.message, caught.value.param) == (f"--limit {limit} is not between 1 and 100", "limit")
    assert [SearchQuery("qwen", most).limit for most in (1, 100)] == [1, 100]
