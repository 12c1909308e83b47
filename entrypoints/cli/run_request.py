"""From the words of the command line to requests: sampling, form, tools, template."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from domain.errors import InvalidRequest
from domain.inference import (
    ConstraintKind,
    DefaultLength,
    GenerationRequest,
    Message,
    OutputConstraint,
    PictureWishes,
    PromptOptions,
    SamplingRequest,
    TokenLimits,
)
from entrypoints.cli.attachments import parsed_json, read_text
from entrypoints.cli.prompt import checked
from entrypoints.cli.run_arguments import Arguments
from entrypoints.cli.tool_files import tool_use

_BIAS = re.compile(r"([0-9]{1,10})=([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))", re.ASCII)

RequestFor = Callable[[tuple[Message, ...]], GenerationRequest]


def request_for(arguments: Arguments, usual_chunk: int | None = None) -> RequestFor:
    """From a conversation to a request with these options. Reads the files that they name. usual_chunk: of pictures,
    where the options name none and an answer may come in parts.

    Raises InvalidRequest for a value out of range or a file that does not fit, PayloadTooLarge, AccessDenied.
    """
    return partial(
        GenerationRequest,
        limits=TokenLimits(DefaultLength.FULL_CONTEXT, requested=arguments.max_tokens),
        sampling=_sampling(arguments),
        stop=tuple(map(checked, arguments.stop)),
        prompt=_prompt_options(arguments),
        tools=tool_use(arguments.tools, arguments.tool_choice),
        output=_constraint(arguments),
        logprobs=arguments.logprobs,
        chat_stops=arguments.chat_stops,
        inspect=arguments.verbose,
        picture_wishes=_picture_wishes(arguments, usual_chunk),
    )


def _picture_wishes(arguments: Arguments, usual_chunk: int | None) -> PictureWishes:
    """A server that answers in our place has a rule of its own, so ours is said, but not where it would be refused."""
    chunk = arguments.chunk
    if chunk is None and not arguments.structured:
        chunk = usual_chunk
    return PictureWishes(chunk, table=not arguments.no_table)


def _sampling(arguments: Arguments) -> SamplingRequest:
    return SamplingRequest(
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        seed=arguments.seed,
        top_k=arguments.top_k,
        min_p=arguments.min_p,
        repetition_penalty=arguments.repetition_penalty,
        presence_penalty=arguments.presence_penalty,
        frequency_penalty=arguments.frequency_penalty,
        logit_bias=_biases(arguments.logit_bias),
        xtc_probability=arguments.xtc_probability,
        xtc_threshold=arguments.xtc_threshold,
    )


def _biases(given: tuple[str, ...]) -> Mapping[int, float]:
    """ID=VALUE, several with commas."""
    biases: dict[int, float] = {}
    for pair in (part.strip() for text in given for part in text.split(",")):
        found = _BIAS.fullmatch(pair)
        if found is None:
            raise InvalidRequest(
                f"--logit-bias {pair!r} is not ID=VALUE", hint="for example --logit-bias 42=-100", param="logit_bias"
            )
        token = int(found[1])
        if token in biases:
            raise InvalidRequest(f"--logit-bias names token {token} twice", hint="once each", param="logit_bias")
        biases[token] = float(found[2])
    return biases


def _prompt_options(arguments: Arguments) -> PromptOptions:
    thinking = True if arguments.think else False if arguments.no_think else None
    return PromptOptions(
        template=not arguments.no_chat_template,
        variables=_variables(arguments.template_kwargs),
        reasoning_effort=arguments.reasoning_effort,
        thinking=thinking,
    )


def _variables(text: str | None) -> Mapping[str, object]:
    if text is None:
        return {}
    option = "--template-kwargs"
    variables = parsed_json(text, f"{option} {text!r}", option)
    if not isinstance(variables, dict):
        raise InvalidRequest(
            f"{option} {text!r} is not a JSON object",
            hint="""for example --template-kwargs '{"enable_thinking": false}'""",
            param=option,
        )
    return variables


def _constraint(arguments: Arguments) -> OutputConstraint | None:
    if arguments.format is not None:
        return OutputConstraint(ConstraintKind.JSON_OBJECT, param="--format")
    if arguments.schema is not None:
        return OutputConstraint(ConstraintKind.JSON_SCHEMA, _schema(arguments.schema), "--schema")
    if arguments.regex is not None:
        return OutputConstraint(ConstraintKind.REGEX, checked(arguments.regex), "--regex")
    if arguments.grammar is not None:
        return OutputConstraint(ConstraintKind.GRAMMAR, read_text(arguments.grammar, "--grammar"), "--grammar")
    return None


def _schema(given: str) -> str:
    """The schema itself where it begins with a brace, else that of a file."""
    option = "--schema"
    written = given.lstrip().startswith("{")
    text = checked(given) if written else read_text(given, option)
    named = option if written else f"{option} {given!r}"
    if not isinstance(parsed_json(text, named, option), dict):
        raise InvalidRequest(f"{named} is not a JSON object", hint="a JSON Schema is one", param=option)
    return text
