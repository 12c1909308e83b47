"""The body of /v1/completions: prompts in every form, how many answers, and what makes no sense without turns."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsBase as ChatParameters
from openai.types.completion_create_params import CompletionCreateParamsBase as CompletionParameters

from domain.errors import InvalidRequest, MlxkError, UnsupportedParameter
from domain.inference import BarePrompt, GenerationRequest, SamplingRequest
from domain.inference.choices import MAX_CHOICES
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.schemas.chat import ChatSchema, parse_chat
from entrypoints.http.schemas.completion import CompletionSchema, parse_completion
from entrypoints.http.schemas.unsupported import CHAT, COMPLETIONS, WITHOUT_EFFECT


def parse(prompt: object = "once", **fields: Any) -> Answers:
    return parse_completion({"model": "m", "prompt": prompt, **fields}, 33)


def refused(prompt: object = "once", **fields: Any) -> MlxkError:
    with pytest.raises(MlxkError) as caught:
        parse(prompt, **fields)
    return caught.value


def bare(request: GenerationRequest) -> BarePrompt:
    assert request.bare is not None
    return request.bare


def test_the_least_body() -> None:
    asked = parse()
    assert (asked.model, asked.stream, asked.answers, asked.ignored) == ("m", False, 1, ())
    assert asked.request.messages == ()
    assert asked.request.bare == BarePrompt("once")
    assert not asked.request.prompt.template
    assert asked.request.limits.server_default == 33


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a", [BarePrompt("a")]),
        ("", [BarePrompt("")]),
        (["a", "b"], [BarePrompt("a"), BarePrompt("b")]),
        ([5, 0], [BarePrompt(tokens=(5, 0))]),
        ([[5], [6, 7]], [BarePrompt(tokens=(5,)), BarePrompt(tokens=(6, 7))]),
    ],
)
def test_every_form_of_a_prompt(prompt: object, expected: list[BarePrompt]) -> None:
    assert [bare(each) for each in parse(prompt).requests] == expected


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        (None, "prompt: must not be null"),
        (3, "prompt: must be a string, or a list"),
        ([], "prompt: must hold something"),
        ([True], "place 0 must be a token id, got"),
        ([1, "a"], "place 1 must be a token id, got"),
        ([1, -4], "place 1 is no token id: -4"),
        ([1, 2.0], "place 1 must be a token id"),
        (["a", 1], "prompt.1: must be what the others are"),
        ([[1], "a"], "prompt.1: must be what the others are"),
        ([[1], []], "prompt 1 must hold at least one token"),
        ("\ud800", "half of a surrogate pair"),
        (["a"] * (MAX_CHOICES + 1), "at most 128 prompts, got 129"),
    ],
)
def test_what_is_no_prompt_is_refused_by_its_place(prompt: object, named: str) -> None:
    fault = refused(prompt)
    assert isinstance(fault, InvalidRequest)
    assert named in fault.message
    assert (fault.param or "").startswith("prompt")


def test_choices_are_numbered_prompt_by_prompt_and_the_first_of_each_has_the_requests_seed() -> None:
    asked = parse(["a", "b"], n=3, seed=7)
    assert [bare(each).text for each in asked.requests] == ["a"] * 3 + ["b"] * 3
    seeds = [each.sampling.seed for each in asked.requests]
    assert seeds[:3] == seeds[3:]
    assert seeds[0] == 7
    assert len(set(seeds)) == 3
    assert seeds == [each.sampling.seed for each in parse(["a", "b"], n=3, seed=7).requests]
    assert asked.answers == 3


def test_without_a_seed_every_choice_draws_its_own() -> None:
    assert [each.sampling.seed for each in parse(n=3).requests] == [None] * 3


def test_too_many_choices_are_refused() -> None:
    assert refused(n=17).param == "n"
    fault = refused(["a"] * 9, n=16)
    assert (fault.param, "144 choices" in fault.message) == ("prompt", True)
    assert len(parse(["a"] * 8, n=16).requests) == MAX_CHOICES


def test_every_way_of_sampling_and_a_form() -> None:
    asked = parse(temperature=0, top_k=4, logit_bias={"3": 1}, presence_penalty=1, stop="x", guided_regex="a+").request
    assert asked.sampling == SamplingRequest(temperature=0, top_k=4, logit_bias={3: 1.0}, presence_penalty=1)
    assert asked.stop == ("x",)
    assert asked.output is not None


@pytest.mark.parametrize("top", [0, 5, 20])
def test_logprobs_are_a_number_here(top: int) -> None:
    assert parse(logprobs=top).request.logprobs == top
    assert parse().request.logprobs is None


@pytest.mark.parametrize("wrong", [True, "1", -1, 21])
def test_other_logprobs_are_refused(wrong: object) -> None:
    assert refused(logprobs=wrong).param == "logprobs"


def test_no_token_at_all_is_for_those_who_want_the_prompt_back() -> None:
    scored = parse(max_tokens=0, echo=True, logprobs=1).request
    assert (bare(scored).echo, bare(scored).answers) == (True, False)
    assert scored.limits.requested is None
    fault = refused(max_tokens=0)
    assert (fault.param, "at least 1" in fault.message) == ("max_tokens", True)
    assert refused(max_tokens=-1, echo=True).param == "max_tokens"
    assert bare(parse(max_tokens=1, echo=True).request).answers


def test_best_of_is_n_or_nothing() -> None:
    assert parse(best_of=2, n=2).answers == 2
    assert refused(best_of=3, n=2).param == "best_of"
    assert refused(best_of=1, n=2).param == "best_of"


REFUSED: list[tuple[str, object, object]] = [
    ("suffix", " end", ""),
    ("messages", [{"role": "user", "content": "hi"}], []),
    ("tools", [{"type": "function"}], []),
    ("tool_choice", "required", "auto"),
    ("functions", [{}], []),
    ("reasoning_effort", "low", None),
    ("chat_template_kwargs", {"a": 1}, {}),
    ("max_completion_tokens", 3, None),
    ("store", True, False),
    ("top_logprobs", 3, 0),
]


@pytest.mark.parametrize(("name", "asking", "neutral"), REFUSED)
def test_what_cannot_be_done_with_a_bare_prompt_is_refused_by_name(name: str, asking: object, neutral: object) -> None:
    fault = refused(**{name: asking})
    assert isinstance(fault, UnsupportedParameter)
    assert fault.param == name
    assert parse(**{name: neutral}) == parse()
    assert name in COMPLETIONS


def test_every_refused_parameter_is_tried_here() -> None:
    assert {name for name, *_ in REFUSED} == set(COMPLETIONS)


def test_a_template_cannot_be_asked_for() -> None:
    assert refused(mlxk={"template": True}).param == "mlxk.template"
    assert parse(mlxk={"template": False, "priority": 2}).request.urgency.priority == 2


def test_fields_nobody_reads_are_listed() -> None:
    assert parse(frobnicate=1, user="u", stream=True, stream_options={"colour": 1}).ignored == (
        "frobnicate",
        "stream_options.colour",
    )


@pytest.mark.parametrize("fields", [{"stream_options": {"include_progress": True}}, {"mlxk": {"progress": True}}])
def test_progress_is_asked_for_in_two_ways_and_told_once_a_prompt(fields: dict[str, Any]) -> None:
    for make in (
        parse,
        lambda **more: parse_chat({"model": "m", "messages": [{"role": "user", "content": "a"}]} | more, 1),
    ):
        assert [each.progress for each in make(stream=True, n=2, **fields).requests] == [True, False]


def test_obfuscation_is_refused_where_it_is_wanted() -> None:
    assert refused(stream=True, stream_options={"include_obfuscation": True}).code == "unsupported_parameter"
    assert parse(stream=True, stream_options={"include_obfuscation": False}).stream


@pytest.mark.parametrize(
    ("parameters", "read", "refused_names"),
    [(ChatParameters, ChatSchema, CHAT), (CompletionParameters, CompletionSchema, COMPLETIONS)],
)
def test_every_parameter_of_the_official_client_is_read_refused_or_known_to_shape_nothing(
    parameters: Any, read: Any, refused_names: Any
) -> None:
    known = {*read().fields, *refused_names, *WITHOUT_EFFECT}
    assert set(get_type_hints(parameters)) - known == set()
