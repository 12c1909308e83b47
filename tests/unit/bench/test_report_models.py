"""Which model and sense a test was of, and what a live test tells of an answer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from benchmarks.reporting.model_facts import ModelFacts, Sense, facts_fixture, from_name, model_facts, sense_of
from tests.support.benchmark_facts import AnswerTimes, BenchmarkFacts, load_seconds, tokens_per_second


@dataclass(frozen=True)
class Entry:
    id: str
    size_bytes: int
    family: str


@pytest.mark.parametrize(
    ("fixtures", "modality", "fixture"),
    [
        (("text_model_info", "tmp_path"), "text", "text_model_info"),
        (("text_model_key",), "text", "text_model_key"),
        (("vision_model_info", "text_model_info"), "vision", "vision_model_info"),
        (("vision_pipe_model", "text_model_info"), "vision", "vision_pipe_model"),
        (("audio_model_key", "audio_model_info"), "audio", "audio_model_info"),
        (("embedding_model_info",), "text", "embedding_model_info"),
        (("model_key",), "unknown", "model_key"),
        (("portfolio_models",), "unknown", "portfolio_models"),
        (("tmp_path",), "unknown", None),
    ],
)
def test_the_sense_is_that_of_the_portfolio_asked_for(
    fixtures: tuple[str, ...], modality: str, fixture: str | None
) -> None:
    assert sense_of(fixtures) == Sense(modality, fixture)


def test_the_richer_portfolio_tells_of_the_model() -> None:
    assert facts_fixture(["text_model_info", "vision_model_info"]) == "vision_model_info"
    assert facts_fixture(["text_model_info", "vision_pipe_model"]) == "vision_pipe_model"
    assert facts_fixture(["text_model_key"]) is None


def test_an_entry_may_be_a_mapping_or_an_object() -> None:
    mapped = model_facts({"id": "org/Some-1B", "size_bytes": 5, "framework": "GGUF", "quantization": None})
    assert mapped == ModelFacts("org/Some-1B", 5, "some", "1b", "GGUF", None)
    assert model_facts(Entry("org/Some-1B-8bit", 6, "llama")) == ModelFacts(
        "org/Some-1B-8bit", 6, "llama", "1b", "MLX", "8bit"
    )


def test_what_names_no_model_is_none() -> None:
    assert model_facts({"size_bytes": 5}) is None
    assert model_facts(object()) is None


@pytest.mark.parametrize(
    ("name", "family", "variant", "quantization"),
    [
        ("mlx-community/Qwen2.5-0.5B-Instruct-4bit", "qwen2.5", "0.5b-instruct", "4bit"),
        ("mlx-community/gpt-oss-20b-MXFP4-Q8", "gpt", "oss-20b", "mxfp4-q8"),
        ("mlx-community/whisper-large-v3-turbo-4bit", "whisper", "large-v3-turbo", "4bit"),
        ("mlx-community/pixtral-12b-4bit", "pixtral", "12b", "4bit"),
        ("org/model-bf16", "model", None, "bf16"),
        ("mlxk/demo", "demo", None, None),
    ],
)
def test_a_name_tells_family_variant_and_quantization(
    name: str, family: str, variant: str | None, quantization: str | None
) -> None:
    assert from_name(name) == ModelFacts(name, None, family, variant, None, quantization)


def recorded() -> tuple[BenchmarkFacts, dict[str, object]]:
    told: dict[str, object] = {}
    return BenchmarkFacts(told.__setitem__), told


def test_a_command_lines_answer_becomes_figures() -> None:
    facts, told = recorded()
    timings = {
        "load_seconds": 0.5,
        "first_token_seconds": 0.01,
        "decode_tokens_per_second": None,
        "peak_memory_bytes": 9,
    }
    facts.cli_answer({"usage": {"prompt_tokens": 12, "completion_tokens": 31}, "timings": timings})
    assert told == {
        "performance.prompt_tokens": 12,
        "performance.completion_tokens": 31,
        "performance.model_load_time_s": 0.5,
        "performance.time_to_first_token_s": 0.01,
        "engine_peak_memory_bytes": 9,
    }


def test_a_streamed_answers_rate_leaves_the_first_token_out() -> None:
    assert tokens_per_second(11, AnswerTimes(sent=0.0, first_piece=2.0, ended=4.0)) == 5.0
    assert tokens_per_second(11, AnswerTimes(sent=0.0, ended=4.0)) == 2.75
    assert tokens_per_second(1, AnswerTimes(sent=0.0, first_piece=2.0, ended=4.0)) is None
    assert tokens_per_second(5, AnswerTimes(sent=3.0, ended=3.0)) is None


def test_a_servers_answer_becomes_figures() -> None:
    facts, told = recorded()
    facts.http_answer({"prompt_tokens": 3, "completion_tokens": 5}, AnswerTimes(1.0, 2.0, 1.5))
    facts.load_time(None)
    facts.cleanup_time(0.25)
    assert told == {
        "performance.prompt_tokens": 3,
        "performance.completion_tokens": 5,
        "performance.tokens_per_sec": 8.0,
        "performance.time_to_first_token_s": 0.5,
        "performance.cleanup_time_s": 0.25,
    }


def test_the_load_is_read_from_a_servers_metrics() -> None:
    metrics = (
        'mlxk_model_load_seconds_sum{model="mlxk/demo"} 0.625\nmlxk_model_load_seconds_count{model="mlxk/demo"} 1\n'
    )
    assert load_seconds(metrics, "mlxk/demo") == 0.625
    assert load_seconds(metrics, "other") is None
