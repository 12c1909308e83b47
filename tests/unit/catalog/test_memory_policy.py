"""What fits, what is warned of, what is refused, and what a conversation costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.serving.kv_cost import KvCost, kv_cost
from domain.serving.memory_policy import (
    GIB,
    Admission,
    DeviceMemory,
    admit_audio,
    admit_text,
    admit_vision,
    fits_portfolio,
    forecast,
    portfolio_budget_bytes,
)
from tests.support.model_zoo.content import llama_config


@pytest.mark.parametrize(
    ("total_gib", "percent"), [(8, 40), (31, 40), (32, 50), (63, 50), (64, 60), (95, 60), (96, 70), (512, 70)]
)
def test_the_portfolio_budget_grows_with_memory(total_gib: int, percent: int) -> None:
    total = total_gib * GIB
    assert portfolio_budget_bytes(total) == total * percent // 100
    exactly = total * percent // 120
    assert fits_portfolio(exactly, total)
    assert not fits_portfolio(exactly + 1, total)


def memory(total: int = 100 * GIB, limit: int = 75 * GIB, available: int = 50 * GIB) -> DeviceMemory:
    return DeviceMemory(total, available, limit)


def test_text_is_warned_of_above_70_percent_and_refused_beyond_the_device() -> None:
    assert admit_text(70 * GIB, 0, memory()).admission is Admission.FITS
    assert admit_text(70 * GIB + 1, 0, memory()).admission is Admission.WARNED
    assert admit_text(70 * GIB, 5 * GIB, memory()).admission is Admission.FITS
    refused = admit_text(70 * GIB, 5 * GIB + 1, memory())
    assert refused.admission is Admission.REFUSED
    assert refused.reason == "weights 70.0 GiB and KV cache 5.0 GiB need 75.0 GiB, this device may hold 75.0 GiB"


def test_force_turns_a_refusal_into_a_warning_at_most() -> None:
    assert admit_text(90 * GIB, GIB, memory(), force=True).admission is Admission.WARNED
    assert admit_text(60 * GIB, 60 * GIB, memory(), force=True).admission is Admission.FITS


def test_vision_above_70_percent_is_refused_and_exactly_70_fits() -> None:
    assert admit_vision(70 * GIB, memory()).admission is Admission.FITS
    refused = admit_vision(70 * GIB + 1, memory())
    assert refused.admission is Admission.REFUSED
    assert "more than 70 % of 100.0 GiB" in (refused.reason or "")


def test_audio_wants_four_gib_free() -> None:
    assert admit_audio(memory(available=4 * GIB)).admission is Admission.FITS
    assert admit_audio(memory(available=4 * GIB - 1)).admission is Admission.REFUSED


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        ({}, KvCost(2 * 2 * 16 * 2 * 2)),
        ({"torch_dtype": "float32"}, KvCost(2 * 2 * 16 * 4 * 2)),
        ({"num_key_value_heads": None}, KvCost(2 * 4 * 16 * 2 * 2)),
        ({"head_dim": None}, KvCost(2 * 2 * 16 * 2 * 2)),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, KvCost((512 + 64) * 2 * 2)),
        ({"num_hidden_layers": 6, "sliding_window": 100, "sliding_window_pattern": 6}, KvCost(128, 5 * 128, 100)),
        (
            {"sliding_window": 100, "layer_types": ["sliding_attention", "full_attention"]},
            KvCost(128, 128, 100),
        ),
        ({"layer_types": ["linear_attention", "full_attention"]}, KvCost(128)),
        ({"layer_types": ["sliding_attention", "full_attention"]}, KvCost(256)),
        ({"layer_types": ["full_attention", "brand_new_attention", 7]}, KvCost(3 * 128)),
        ({"layer_types": ["mamba", "sparse", "conv"]}, KvCost(128)),
        ({"num_hidden_layers": 10**400}, None),
        ({"num_hidden_layers": 8, "full_attention_interval": 4}, KvCost(2 * 128)),
        ({"sliding_window": 4096}, KvCost(256)),
        ({"num_hidden_layers": None, "text_config": {"num_hidden_layers": 3}}, KvCost(3 * 128)),
        ({"num_hidden_layers": None}, None),
        ({"num_hidden_layers": "two"}, None),
        ({"head_dim": None, "hidden_size": None}, None),
        ({"num_hidden_layers": True}, None),
    ],
)
def test_the_cost_of_a_token(changes: dict[str, object], cost: KvCost | None) -> None:
    assert kv_cost(llama_config(**changes)) == cost


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 500), st.integers(-10, 10**6), st.integers(0, 10**4))
def test_the_tokens_that_fit_do_fit_and_one_more_does_not(
    full: int, windowed: int, window: int, room: int, at_most: int
) -> None:
    cost = KvCost(full, windowed, window)
    tokens = cost.tokens_in(room, at_most)
    assert 0 <= tokens <= at_most
    if room > 0:
        assert cost.bytes_for(tokens) <= room
        assert tokens == at_most or cost.bytes_for(tokens + 1) > room


def test_a_forecast_without_memory_still_tells_the_cost() -> None:
    told = forecast(llama_config(), 10 * GIB, None)
    assert (told.weights_bytes, told.kv_bytes_per_1k_tokens, told.longest_context) == (10 * GIB, 256_000, None)


@pytest.mark.parametrize(("window", "tokens"), [(100, 100), (1000, 1000), (4096, 1000)])
def test_the_cost_of_1k_tokens_includes_the_windows(window: int, tokens: int) -> None:
    config = llama_config(sliding_window=window, layer_types=["sliding_attention"] * 2)
    assert forecast(config, 1, None).kv_bytes_per_1k_tokens == 256 * tokens


def test_weights_that_do_not_fit_leave_no_context() -> None:
    assert forecast(llama_config(), 80 * GIB, memory()).longest_context == 0


@given(
    st.dictionaries(
        st.sampled_from(["num_hidden_layers", "layer_types", "head_dim", "text_config"]),
        st.none() | st.text() | st.lists(st.text()) | st.integers(),
    )
)
def test_any_config_is_survived(config: dict[str, object]) -> None:
    forecast(config, 1, memory())
