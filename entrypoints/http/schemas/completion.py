"""The body of POST /v1/completions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError

from domain.errors import InvalidRequest
from domain.inference import BarePrompt, GenerationRequest, PromptOptions
from domain.inference.choices import MAX_CHOICES, answers_to
from domain.inference.request import MAX_TOP_LOGPROBS
from entrypoints.http.schemas.answers import AnswerFields, Answers, Delivery, read_delivery, read_limits
from entrypoints.http.schemas.extension import Extension, ExtensionFields, read_extension
from entrypoints.http.schemas.output_form import OutputFields, read_output, undeclared_in_format
from entrypoints.http.schemas.problems import found, load
from entrypoints.http.schemas.sampling import SamplingFields, read_sampling
from entrypoints.http.schemas.strict import StrictBoolean, StrictField, StrictInteger, whole_characters
from entrypoints.http.schemas.token_ids import token_ids
from entrypoints.http.schemas.unsupported import COMPLETIONS, refuse_unsupported, without_known


@dataclass(frozen=True, slots=True)
class GivenPrompt:
    """One prompt: its text, or its tokens."""

    text: str | None = None
    tokens: tuple[int, ...] = ()


class Prompts(StrictField[tuple[GivenPrompt, ...]]):
    """A string, a list of strings, a list of token ids, or a list of lists of token ids; a tuple of prompts
    afterwards.
    """

    def read(self, value: object) -> tuple[GivenPrompt, ...]:
        if isinstance(value, str):
            return (GivenPrompt(whole_characters(value)),)
        if not isinstance(value, list):
            raise ValidationError(f"must be a string, or a list of strings or token ids, got {found(value)}")
        if not value:
            raise ValidationError("must hold something")
        if isinstance(value[0], int):
            return (GivenPrompt(tokens=token_ids(value, "prompt")),)
        if len(value) > MAX_CHOICES:
            raise ValidationError(f"at most {MAX_CHOICES} prompts, got {len(value):,}")
        return tuple(_one(each, value[0], at) for at, each in enumerate(value))


class CompletionSchema(AnswerFields, SamplingFields, OutputFields, ExtensionFields):
    prompt = Prompts(required=True)
    logprobs = StrictInteger(load_default=None)
    echo = StrictBoolean(load_default=None)
    best_of = StrictInteger(load_default=None)


_COMPLETION = CompletionSchema()


def parse_completion(body: object, default_max_tokens: int | None) -> Answers:
    """JSON to requests, one for each choice: all answers to the first prompt, then all to the second, and so on.
    default_max_tokens: the server's own, for requests that name none.

    Raises InvalidRequest, UnsupportedParameter, naming the field.
    """
    values = load(_COMPLETION, body)
    refuse_unsupported(values, COMPLETIONS)
    extension = read_extension(values)
    if (values["mlxk"] or {}).get("template"):
        raise InvalidRequest("mlxk.template: a prompt gets none here", hint="leave it out", param="mlxk.template")
    delivery = read_delivery(values, progress=extension.progress)
    answers = _answers(values)
    shared = _shared(values, extension, delivery, default_max_tokens)
    requests = [request for given in values["prompt"] for request in answers_to(_of(given, shared), answers)]
    return Answers(
        model=values["model"],
        requests=tuple(requests),
        answers=answers,
        stream=delivery.stream,
        include_usage=delivery.include_usage,
        ignored=_ignored(values, delivery),
        loaded=extension.loaded,
        report=extension.report,
    )


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all prompts of a body have in common."""

    fields: Mapping[str, Any]
    echo: bool
    answers: bool


def _of(given: GivenPrompt, shared: _Shared) -> GenerationRequest:
    bare = BarePrompt(given.text, given.tokens, echo=shared.echo, answers=shared.answers)
    return GenerationRequest(messages=(), bare=bare, prompt=PromptOptions(template=False), **shared.fields)


def _shared(
    values: Mapping[str, Any], extension: Extension, delivery: Delivery, default_max_tokens: int | None
) -> _Shared:
    asked, echo = values["max_tokens"], bool(values["echo"])
    fields = {
        "limits": read_limits(None if asked == 0 else asked, extension.default_length, default_max_tokens),
        "sampling": read_sampling(values),
        "stop": values["stop"] or (),
        "output": read_output(values, extension.output_param),
        "logprobs": _logprobs(values),
        "chat_stops": extension.chat_stops,
        "inspect": extension.inspect,
        "progress": delivery.progress,
        "ignore_stops": extension.ignore_stops,
        "urgency": extension.urgency,
    }
    return _Shared(fields, echo=echo, answers=asked != 0)


def _answers(values: Mapping[str, Any]) -> int:
    """To each prompt. Raises InvalidRequest for more than is made at once, in all."""
    answers: int = 1 if values["n"] is None else values["n"]
    best_of = values["best_of"]
    if best_of is not None and best_of != answers:
        raise InvalidRequest(
            f"best_of: must be n ({answers}), got {str(best_of)[:24]}: mlxk makes no answers that it does not show",
            hint="leave it out",
            param="best_of",
        )
    choices = answers * len(values["prompt"])
    if choices > MAX_CHOICES:
        raise InvalidRequest(
            f"prompt: {len(values['prompt'])} prompts with {answers} answers each are {choices:,} choices; "
            f"there may be {MAX_CHOICES}",
            hint="send several requests",
            param="prompt",
        )
    return answers


def _logprobs(values: Mapping[str, Any]) -> int | None:
    top: int | None = values["logprobs"]
    if top is not None and not 0 <= top <= MAX_TOP_LOGPROBS:
        raise InvalidRequest(f"logprobs: must be from 0 to {MAX_TOP_LOGPROBS}, got {str(top)[:24]}", param="logprobs")
    return top


def _one(value: object, first: object, at: int) -> GivenPrompt:
    """The prompt at a place of a list. first: the list's first, like which they all must be."""
    if isinstance(first, str) and isinstance(value, str):
        return GivenPrompt(whole_characters(value))
    if isinstance(first, list) and isinstance(value, list):
        return GivenPrompt(tokens=token_ids(value, f"prompt {at}"))
    raise ValidationError(
        {str(at): [f"must be what the others are, a string or a list of token ids, got {found(value)}"]}
    )


def _ignored(values: Mapping[str, Any], delivery: Delivery) -> tuple[str, ...]:
    names = without_known(_COMPLETION.undeclared(values), COMPLETIONS)
    return (*names, *undeclared_in_format(values), *delivery.ignored)
