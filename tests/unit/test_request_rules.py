"""Limits, sampling and the conversation itself."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import ContextLengthExceeded, InvalidRequest
from domain.inference import (
    DefaultLength,
    GenerationRequest,
    Media,
    Message,
    Role,
    SamplingRequest,
    TokenLimits,
    ToolCall,
    resolve_sampling,
)
from domain.inference.embedding import EmbeddingRequest, InputType, RerankRequest
from domain.inference.tools import Tool

HALF, FULL = DefaultLength.HALF_CONTEXT, DefaultLength.FULL_CONTEXT
USER = Message(Role.USER, "hello")


@pytest.mark.parametrize(
    ("limits", "prompt", "expected"),
    [
        (TokenLimits(HALF), 10, 2048),
        (TokenLimits(FULL), 10, 4086),
        (TokenLimits(HALF), 3000, 1096),
        (TokenLimits(HALF), 4095, 1),
        (TokenLimits(HALF, server_default=100), 10, 100),
        (TokenLimits(HALF, server_default=9000), 96, 4000),
        (TokenLimits(HALF, requested=7, server_default=100), 10, 7),
        (TokenLimits(HALF, requested=4086), 10, 4086),
    ],
)
def test_max_tokens_by_rule(limits: TokenLimits, prompt: int, expected: int) -> None:
    assert limits.resolve(prompt, context_length=4096) == expected


def test_an_explicit_limit_that_cannot_fit_is_refused_by_numbers() -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        TokenLimits(HALF, requested=512).resolve(3999, context_length=4096)
    assert caught.value.message == "prompt 3,999 + max_tokens 512 > context 4,096"
    assert caught.value.detail == {"largest_max_tokens": 97}
    assert caught.value.param == "max_tokens"


def test_a_prompt_that_fills_the_context_is_refused_even_without_a_limit() -> None:
    with pytest.raises(ContextLengthExceeded, match="prompt 4,096 leaves no room"):
        TokenLimits(FULL).resolve(4096, context_length=4096)


@pytest.mark.parametrize("limits", [{"requested": 0}, {"requested": -1}, {"server_default": 0}])
def test_a_limit_below_one_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest, match="at least 1"):
        TokenLimits(HALF, **limits)


def test_defaults_are_temperature_07_and_top_p_09() -> None:
    sampling = resolve_sampling(SamplingRequest(), {}, fresh_seed=5)
    assert (sampling.temperature, sampling.top_p, sampling.seed, sampling.greedy) == (0.7, 0.9, 5, False)


def test_the_models_own_defaults_beat_ours_and_the_user_beats_both() -> None:
    config = {"temperature": 0.3, "top_p": 0.5, "do_sample": True}
    assert resolve_sampling(SamplingRequest(), config, 1).temperature == 0.3
    asked = SamplingRequest(temperature=1.5, top_p=1.0, seed=9)
    sampling = resolve_sampling(asked, config, 1)
    assert (sampling.temperature, sampling.top_p, sampling.seed) == (1.5, 1.0, 9)


def test_do_sample_false_without_a_temperature_is_greedy() -> None:
    assert resolve_sampling(SamplingRequest(), {"do_sample": False}, 1).greedy
    assert not resolve_sampling(SamplingRequest(), {"do_sample": False, "temperature": 0.5}, 1).greedy


@pytest.mark.parametrize("junk", ["0.1", None, True, -1, 99, [0.1], float("nan")])
def test_junk_in_generation_config_is_passed_over(junk: object) -> None:
    assert resolve_sampling(SamplingRequest(), {"temperature": junk, "top_p": junk}, 1).temperature == 0.7


def test_a_negative_seed_is_one_of_64_bits() -> None:
    assert resolve_sampling(SamplingRequest(seed=-1), {}, 0).seed == 2**64 - 1


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 1.1}, "top_p"),
        ({"top_p": -1.0}, "top_p"),
        ({"seed": 2**64}, "seed"),
        ({"seed": 10**400}, "seed"),
    ],
)
def test_sampling_out_of_range_is_refused_by_name(values: dict[str, float], name: str) -> None:
    with pytest.raises(InvalidRequest, match=name) as caught:
        SamplingRequest(**values)  # type: ignore[arg-type]
    assert caught.value.param == name


def test_an_empty_conversation_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="at least one message"):
        GenerationRequest(messages=())


def test_a_conversation_that_ends_with_the_assistant_is_continued() -> None:
    assert GenerationRequest(messages=(USER, Message(Role.ASSISTANT, "hi"))).continues
    assert not GenerationRequest(messages=(USER,)).continues


def test_an_empty_turn_of_the_assistant_at_the_end_is_none() -> None:
    empty = Message(Role.ASSISTANT, "", reasoning="hm")
    request = GenerationRequest(messages=(USER, empty, empty))
    assert request.messages == (USER,)
    assert not request.continues
    assert GenerationRequest(messages=(USER, empty, USER)).messages == (USER, empty, USER)
    calling = Message(Role.ASSISTANT, "", tool_calls=(ToolCall("1", "f", "{}"),))
    assert GenerationRequest(messages=(USER, calling)).messages == (USER, calling)
    for words in Message(Role.ASSISTANT, " "), Message(Role.ASSISTANT, "", media=Media(images=1)):
        assert GenerationRequest(messages=(USER, words)).continues
    with pytest.raises(InvalidRequest, match="at least one message that is not empty"):
        GenerationRequest(messages=(empty,))


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="must not be empty"):
        GenerationRequest(messages=(USER,), stop=("",))


def test_too_many_stop_strings_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="at most 16"):
        GenerationRequest(messages=(USER,), stop=tuple("abcdefghijklmnopq"))


def test_templates_get_developer_as_system() -> None:
    assert Message(Role.DEVELOPER, "be kind").for_template() == {"role": "system", "content": "be kind"}


def test_every_seed_in_force_can_be_asked_for_again() -> None:
    for seed in (-1, 2**64 - 1, -(2**63), 0):
        in_force = resolve_sampling(SamplingRequest(seed=seed), {}, fresh_seed=5).seed
        assert resolve_sampling(SamplingRequest(seed=in_force), {}, fresh_seed=5).seed == in_force
    with pytest.raises(InvalidRequest, match="seed must be from -9223372036854775808 to 18446744073709551615"):
        SamplingRequest(seed=2**64)


@pytest.mark.parametrize(
    ("limits", "given", "expected"),
    [
        (TokenLimits(HALF), 7, TokenLimits(HALF, server_default=7)),
        (TokenLimits(HALF, 5, 9), 7, TokenLimits(HALF, 5, 7)),
        (TokenLimits(HALF, 5, 9), None, TokenLimits(HALF, 5, 9)),
        (TokenLimits(FULL), 7, TokenLimits(FULL)),
        (TokenLimits(DefaultLength.MULTIMODAL, server_default=9), 7, TokenLimits(DefaultLength.MULTIMODAL, None, 9)),
    ],
)
def test_a_model_s_own_number_is_for_requests_that_follow_the_servers_rule(
    limits: TokenLimits, given: int | None, expected: TokenLimits
) -> None:
    assert limits.of_model(given) == expected


def test_a_template_reads_each_field_of_a_turn_under_its_own_name() -> None:
    call = ToolCall("c1", "add", '{"a": 1}')
    asks = Message(Role.ASSISTANT, "Let me add.", reasoning="so", tool_calls=(call,), name="adder")
    assert asks.for_template() == {
        "role": "assistant",
        "content": "Let me add.",
        "reasoning_content": "so",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}],
        "name": "adder",
    }
    answers = Message(Role.TOOL, "2", tool_call_id="c1", name="add")
    assert answers.for_template() == {"role": "tool", "content": "2", "tool_call_id": "c1", "name": "add"}
    assert Message(Role.USER, "hi").for_template() == {"role": "user", "content": "hi"}
    assert Message(Role.TOOL, "2", tool_call_id="").for_template()["tool_call_id"] == ""


def test_a_template_reads_a_tool_as_openai_writes_it() -> None:
    tool = Tool("add", "adds", {"type": "object"}, strict=True)
    assert tool.for_template() == {
        "type": "function",
        "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}},
    }


@pytest.mark.parametrize("name", ["", "a b", "x" * 257, "ä"])
def test_a_name_that_no_api_takes_is_refused_with_what_it_may_hold(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Tool(name)
    assert caught.value.message == f"{name[:64]!r} is no function name"
    assert caught.value.hint == "letters, digits and _ . : - only, at most 256 of them"
    assert caught.value.param == "tools"
    assert Tool("x" * 256).name == "x" * 256


@pytest.mark.parametrize(
    ("values", "message", "param", "hint"),
    [
        ({"query": "", "documents": ("a",)}, "query is empty", "query", None),
        ({"query": "q", "documents": ()}, "documents must hold at least one text", "documents", None),
        ({"query": "q", "documents": ("a", "")}, "documents.1 is empty", "documents", "leave it out"),
    ],
)
def test_a_question_or_document_that_is_missing_is_named(
    values: dict[str, Any], message: str, param: str, hint: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        RerankRequest(**values)
    assert (caught.value.message, caught.value.param, caught.value.hint) == (message, param, hint)


@pytest.mark.parametrize(
    ("values", "message", "param", "hint"),
    [
        ({"inputs": ()}, "input must hold at least one text", "input", None),
        ({"inputs": ("a", ())}, "input.1 is empty", "input", "leave it out"),
        ({"inputs": ("a",), "dimensions": 0}, "dimensions must be at least 1, got 0", "dimensions", None),
        (
            {"inputs": ("a",), "instruct": "sort", "input_type": InputType.DOCUMENT},
            "instruct is for queries, and input_type says document",
            "instruct",
            "leave one of them out",
        ),
    ],
)
def test_a_text_that_cannot_be_embedded_is_named(
    values: dict[str, Any], message: str, param: str, hint: str | None
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        EmbeddingRequest(**values)
    assert (caught.value.message, caught.value.param, caught.value.hint) == (message, param, hint)
    assert EmbeddingRequest(("a",), dimensions=1).dimensions == 1


def test_a_task_makes_questions_of_texts() -> None:
    assert EmbeddingRequest(("a",), instruct="sort").asks
    assert EmbeddingRequest(("a",), InputType.QUERY).asks
    assert not EmbeddingRequest(("a",), InputType.DOCUMENT).asks
    assert not EmbeddingRequest(("a",)).asks
