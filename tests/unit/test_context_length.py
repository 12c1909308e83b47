"""How many tokens a model's config says it can hold."""

from __future__ import annotations

import pytest

from domain.inference.context_length import CONFIG_KEYS, DEFAULT_CONTEXT_LENGTH, context_length


@pytest.mark.parametrize("key", CONFIG_KEYS)
def test_each_known_key_names_the_context(key: str) -> None:
    assert context_length({key: 1000}) == 1000


def test_keys_are_read_in_their_order() -> None:
    assert context_length({"seq_len": 5, "n_positions": 7}) == 7


def test_the_top_level_comes_before_text_config() -> None:
    assert context_length({"seq_len": 5, "text_config": {"max_position_embeddings": 7}}) == 5


def test_text_config_is_read_when_the_top_level_is_silent() -> None:
    assert context_length({"text_config": {"max_position_embeddings": 7}}) == 7


@pytest.mark.parametrize("value", [0, -1, None, "4096", True, 2.5, [4096]])
def test_values_that_are_no_positive_number_are_passed_over(value: object) -> None:
    assert context_length({"max_position_embeddings": value, "n_positions": 9}) == 9


@pytest.mark.parametrize("config", [{}, {"text_config": None}, {"text_config": "llama"}])
def test_a_silent_config_means_the_default(config: dict[str, object]) -> None:
    assert context_length(config) == DEFAULT_CONTEXT_LENGTH == 4096
