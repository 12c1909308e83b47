"""How tokens are drawn, and what is told of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from marshmallow import ValidationError

from domain.errors import InvalidRequest
from domain.inference import SamplingRequest
from entrypoints.http.schemas.problems import found
from entrypoints.http.schemas.strict import StrictBoolean, StrictField, StrictInteger, StrictNumber, StrictSchema

TOKEN_ID = re.compile(r"[0-9]{1,10}", re.ASCII)


class LogitBias(StrictField[dict[int, float]]):
    """`{"50256": -100}`: JSON spells token ids as strings."""

    def read(self, value: object) -> dict[int, float]:
        if not isinstance(value, dict):
            raise ValidationError(f"must be an object, got {found(value)}")
        number = StrictNumber()
        biases: dict[int, float] = {}
        wrong: dict[str, list[str]] = {}
        for token, bias in value.items():
            try:
                if not TOKEN_ID.fullmatch(token):
                    raise ValidationError("is no token id")
                biases[int(token)] = number.read(bias)
            except ValidationError as fault:
                wrong[token[:40]] = [str(each) for each in fault.messages]
        if wrong:
            raise ValidationError(wrong)
        if len(biases) != len(value):
            raise ValidationError("names a token twice")
        return biases


class SamplingFields(StrictSchema):
    temperature = StrictNumber(load_default=None)
    top_p = StrictNumber(load_default=None)
    seed = StrictInteger(load_default=None)
    top_k = StrictInteger(load_default=None)
    min_p = StrictNumber(load_default=None)
    repetition_penalty = StrictNumber(load_default=None)
    repetition_context_size = StrictInteger(load_default=None)
    presence_penalty = StrictNumber(load_default=None)
    frequency_penalty = StrictNumber(load_default=None)
    logit_bias = LogitBias(load_default=None)
    xtc_probability = StrictNumber(load_default=None)
    xtc_threshold = StrictNumber(load_default=None)


class ScoreFields(StrictSchema):
    """As the chat API has them."""

    logprobs = StrictBoolean(load_default=None)
    top_logprobs = StrictInteger(load_default=None)


def read_sampling(values: Mapping[str, Any]) -> SamplingRequest:
    """Raises InvalidRequest for values out of range."""
    asked = {each.name: values[each.name] for each in fields(SamplingRequest)}
    return SamplingRequest(**{**asked, "logit_bias": asked["logit_bias"] or {}})


def read_logprobs(values: Mapping[str, Any]) -> int | None:
    """How many likely tokens to report with each; None for no report. Raises InvalidRequest."""
    top: int | None = values["top_logprobs"]
    if values["logprobs"]:
        return top or 0
    if top:
        raise InvalidRequest("top_logprobs: only together with logprobs", hint="set logprobs", param="top_logprobs")
    return None
