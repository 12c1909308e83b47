"""How the next token is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from domain.errors import InvalidRequest

DEFAULT_TEMPERATURE = 0.7
DEFAULT_TOP_P = 0.9
DEFAULT_XTC_THRESHOLD = 0.1
REPETITION_CONTEXT = 20
MAX_TEMPERATURE = 2.0
LEAST_SEED, MAX_SEED = -(2**63), 2**64 - 1
MAX_BIASES = 1024
SHOWN_DIGITS = 24

# What a request may ask for, from the least to the most.
RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0.0, MAX_TEMPERATURE),
    "top_p": (0.0, 1.0),
    "seed": (LEAST_SEED, MAX_SEED),
    "top_k": (-1, 2**31 - 1),
    "min_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 10.0),
    "repetition_context_size": (1, 2**20),
    "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0),
    "xtc_probability": (0.0, 1.0),
    "xtc_threshold": (0.0, 0.5),
}
BIAS_LIMIT = 100.0


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    """What the user asked for; None means "the model's default".

    temperature 0 is greedy. seed: reproducible tokens, whoever shares the batch; None draws a fresh one. top_k: only
    the k likeliest; 0 and -1 mean all. min_p: only tokens at least that share as likely as the likeliest.
    repetition_penalty: divides (multiplies, when negative) the logits of the last repetition_context_size tokens,
    prompt included. presence_penalty, frequency_penalty: subtracted from the logits of tokens of the answer, once and
    for each time. logit_bias: added to the logits, by token id. xtc: with this probability all but the least likely of
    the tokens above the threshold are left out.
    Raises InvalidRequest for values out of range.
    """

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    repetition_context_size: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    xtc_probability: float | None = None
    xtc_threshold: float | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            if each.name in RANGES:
                _within(each.name, getattr(self, each.name), *RANGES[each.name])
        if len(self.logit_bias) > MAX_BIASES:
            raise InvalidRequest(f"at most {MAX_BIASES:,} tokens in logit_bias", param="logit_bias")
        for token, bias in self.logit_bias.items():
            if token < 0 or not -BIAS_LIMIT <= bias <= BIAS_LIMIT:
                raise InvalidRequest(
                    f"logit_bias: token {token} with {bias:g}; ids are from 0, values from -100 to 100",
                    param="logit_bias",
                )


@dataclass(frozen=True, slots=True)
class Sampling:
    """The values in force for one request. seed: 64 bits, always set. top_k 0: off. repetition_penalty 1: off."""

    temperature: float
    top_p: float
    seed: int
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_context_size: int = REPETITION_CONTEXT
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: tuple[tuple[int, float], ...] = ()
    xtc_probability: float = 0.0
    xtc_threshold: float = DEFAULT_XTC_THRESHOLD

    @property
    def greedy(self) -> bool:
        """The likeliest token is taken: temperature 0, or room for one token only."""
        return self.temperature == 0.0 or self.top_p == 0.0 or self.top_k == 1

    @property
    def penalises(self) -> bool:
        """Whether the logits depend on the tokens so far."""
        return self.repetition_penalty != 1.0 or self.presence_penalty != 0.0 or self.frequency_penalty != 0.0


def resolve_sampling(asked: SamplingRequest, generation_config: Mapping[str, object], fresh_seed: int) -> Sampling:
    """The user's values, else those of the model's generation_config.json, else temperature 0.7, top_p 0.9 and nothing
    else.

    A generation_config with `do_sample: false` and no temperature of its own means greedy. Values of the wrong type or
    out of range in that file are passed over.
    """
    of_model = _Defaults(generation_config)
    greedy_by_model = generation_config.get("do_sample") is False
    seed = fresh_seed if asked.seed is None else asked.seed
    return Sampling(
        temperature=of_model.unless(asked.temperature, "temperature", 0.0 if greedy_by_model else DEFAULT_TEMPERATURE),
        top_p=of_model.unless(asked.top_p, "top_p", DEFAULT_TOP_P),
        seed=seed & (2**64 - 1),
        top_k=max(0, int(of_model.unless(asked.top_k, "top_k", 0))),
        min_p=of_model.unless(asked.min_p, "min_p", 0.0),
        repetition_penalty=of_model.unless(asked.repetition_penalty, "repetition_penalty", 1.0),
        repetition_context_size=asked.repetition_context_size or REPETITION_CONTEXT,
        presence_penalty=asked.presence_penalty or 0.0,
        frequency_penalty=asked.frequency_penalty or 0.0,
        logit_bias=tuple(sorted(asked.logit_bias.items())),
        xtc_probability=asked.xtc_probability or 0.0,
        xtc_threshold=DEFAULT_XTC_THRESHOLD if asked.xtc_threshold is None else asked.xtc_threshold,
    )


@dataclass(frozen=True, slots=True)
class _Defaults:
    generation_config: Mapping[str, object]

    def unless(self, asked: float | None, name: str, fallback: float) -> float:
        """The value asked for, else the model's, else `fallback`."""
        if asked is not None:
            return asked
        value = self.generation_config.get(name)
        low, high = RANGES[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            return fallback
        return float(value)


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        shown = [str(end) if isinstance(end, int) else f"{end:g}" for end in (low, high)]
        raise InvalidRequest(
            f"{name} must be from {shown[0]} to {shown[1]}, got {str(value)[:SHOWN_DIGITS]}", param=name
        )
