"""What the bodies of both APIs that answer have in common: how many answers, how long, and in which pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import InvalidRequest
from domain.inference import DefaultLength, GenerationRequest, TokenLimits
from entrypoints.http.schemas.strict import (
    StrictBoolean,
    StrictInteger,
    StrictObject,
    StrictSchema,
    StrictString,
    StringOrStrings,
)
from entrypoints.http.schemas.unsupported import STREAM_OPTIONS, refuse_unsupported


@dataclass(frozen=True, slots=True)
class Answers:
    """model: as the client named it. loaded: a loaded model's token, which then counts instead of the name. requests:
    one for each choice, in order of their indexes, so many `answers` to each prompt. report: tell how they came about.
    ignored: paths of fields that nobody reads, `*` for list places.
    """

    model: str
    requests: tuple[GenerationRequest, ...]
    answers: int
    stream: bool
    include_usage: bool
    ignored: tuple[str, ...]
    loaded: str | None = None
    report: bool = False

    @property
    def request(self) -> GenerationRequest:
        """The first one."""
        return self.requests[0]


class StreamOptionsSchema(StrictSchema):
    include_usage = StrictBoolean(load_default=None)
    include_progress = StrictBoolean(load_default=None)


class AnswerFields(StrictSchema):
    model = StrictString(required=True)
    stream = StrictBoolean(load_default=None)
    stream_options = StrictObject(StreamOptionsSchema, load_default=None)
    stop = StringOrStrings(load_default=None)
    max_tokens = StrictInteger(load_default=None)
    n = StrictInteger(load_default=None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """stream: in pieces. progress: tell how far the prompt has been read; a whole answer has no place for it."""

    stream: bool
    include_usage: bool
    progress: bool
    ignored: Sequence[str]


_STREAM_OPTIONS = StreamOptionsSchema()


def read_delivery(values: Mapping[str, Any], *, progress: bool) -> Delivery:
    """progress: was asked for elsewhere too. Raises InvalidRequest, UnsupportedParameter."""
    options, stream = values["stream_options"], bool(values["stream"])
    if not values["model"].strip():
        raise InvalidRequest("model: must name a model", hint="GET /v1/models lists them", param="model")
    if options is not None and not stream:
        raise InvalidRequest("stream_options: only for streamed answers", hint="set stream", param="stream_options")
    options = options or {}
    refuse_unsupported(options, STREAM_OPTIONS, "stream_options.")
    undeclared = _STREAM_OPTIONS.undeclared(options)
    ignored = [f"stream_options.{name}" for name in undeclared if name not in STREAM_OPTIONS]
    wanted = progress or bool(options.get("include_progress"))
    return Delivery(stream, bool(options.get("include_usage")), wanted, ignored)


def read_limits(asked: int | None, rule: DefaultLength | None, default_max_tokens: int | None) -> TokenLimits:
    """A rule that the request brings itself replaces the server's, number and all. Raises InvalidRequest."""
    if rule is not None:
        return TokenLimits(rule, asked)
    return TokenLimits(DefaultLength.HALF_CONTEXT, asked, default_max_tokens)
