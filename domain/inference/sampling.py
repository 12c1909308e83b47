"""How the next token is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from domain.errors import InvalidRequest

DEFAULT_TEMPERATURE = 0.7
DEFAULT_TOP_P = 0.9
MAX_TEMPERATURE = 2.0
MAX_SEED = 2**63 - 1
SHOWN_DIGITS = 24


@dataclass(frozen=True, slots=True)
class SamplingRequest:
    """What the user asked for; None means "the model's default".

    temperature 0 is greedy. seed: reproducible tokens, whoever shares the batch; None draws a fresh one.
    Raises InvalidRequest for values out of range.
    """

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        _within("temperature", self.temperature, 0.0, MAX_TEMPERATURE)
        _within("top_p", self.top_p, 0.0, 1.0)
        _within("seed", self.seed, -(MAX_SEED + 1), MAX_SEED)


@dataclass(frozen=True, slots=True)
class Sampling:
    """The values in force for one request. seed: 64 bits, always set."""

    temperature: float
    top_p: float
    seed: int

    @property
    def greedy(self) -> bool:
        return self.temperature == 0.0


def resolve_sampling(asked: SamplingRequest, generation_config: Mapping[str, object], fresh_seed: int) -> Sampling:
    """The user's values, else those of the model's generation_config.json, else 0.7 and 0.9.

    A generation_config with `do_sample: false` and no temperature of its own means greedy. Values of the wrong type
    in that file are passed over.
    """
    greedy_by_model = generation_config.get("do_sample") is False
    temperature = asked.temperature
    if temperature is None:
        fallback = 0.0 if greedy_by_model else DEFAULT_TEMPERATURE
        temperature = _number(generation_config.get("temperature"), 0.0, MAX_TEMPERATURE, fallback)
    top_p = asked.top_p
    if top_p is None:
        top_p = _number(generation_config.get("top_p"), 0.0, 1.0, DEFAULT_TOP_P)
    seed = fresh_seed if asked.seed is None else asked.seed
    return Sampling(temperature=temperature, top_p=top_p, seed=seed & (2**64 - 1))


def _number(value: object, low: float, high: float, fallback: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        return fallback
    return float(value)


def _within(name: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidRequest(f"{name} must be from {low:g} to {high:g}, got {str(value)[:SHOWN_DIGITS]}", param=name)
