"""Which model a test was of, and which sense it used: from the portfolio fixtures that it asked for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TEXT, VISION, AUDIO, UNKNOWN = "text", "vision", "audio", "unknown"
# A test with fixtures of two portfolios is of the richer sense. Vectors are made of text.
SENSES = (("vision", VISION), ("audio", AUDIO), ("text", TEXT), ("embedding", TEXT))
PIPE_FIXTURE = "vision_pipe_model"  # one model of the vision portfolio, whole
LEGACY_FIXTURES = ("model_key", "portfolio_models")
LEGACY_LABEL = "Unknown (legacy)"
PORTFOLIO_FRAMEWORK = "MLX"

_SIZES = ("size_bytes", "weights_bytes")
_QUANTIZATION = re.compile(
    r"[-_.]((?:mx|nv)fp\d(?:[-_]q\d)?|\d{1,2}-?bit|q\d(?:_[a-z0-9]+)*|bf16|fp16|fp32|dwq)$", re.IGNORECASE
)


@dataclass(frozen=True)
class ModelFacts:
    """None: not known. size_bytes: on the disk."""

    id: str
    size_bytes: int | None = None
    family: str | None = None
    variant: str | None = None
    framework: str | None = None
    quantization: str | None = None


@dataclass(frozen=True)
class Sense:
    """fixture: the one that told it, or None."""

    modality: str
    fixture: str | None


def sense_of(fixtures: Iterable[str]) -> Sense:
    """fixtures: the names that a test asked for, directly or through others."""
    names = set(fixtures)
    for portfolio, modality in SENSES:
        for name in (f"{portfolio}_model_info", f"{portfolio}_model_key"):
            if name in names:
                return Sense(modality, name)
        if modality is VISION and PIPE_FIXTURE in names:
            return Sense(VISION, PIPE_FIXTURE)
    return Sense(UNKNOWN, next((name for name in LEGACY_FIXTURES if name in names), None))


def facts_fixture(fixtures: Iterable[str]) -> str | None:
    """The fixture whose value tells of the model."""
    names = set(fixtures)
    candidates = ("vision_model_info", PIPE_FIXTURE, *(f"{portfolio}_model_info" for portfolio, _ in SENSES))
    return next((name for name in candidates if name in names), None)


def model_facts(told: object) -> ModelFacts | None:
    """told: a portfolio's entry, a mapping or an object with such attributes; id (or name), size_bytes, family,
    variant, framework, quantization, of which the id alone is needed. The name tells what the entry does not, and
    portfolios are of MLX models.
    """
    values = told if isinstance(told, Mapping) else _attributes(told)
    name = values.get("id") or values.get("name")
    if not isinstance(name, str):
        return None
    guessed = from_name(name)
    size = next((each for key in _SIZES if isinstance(each := values.get(key), int)), None)
    return ModelFacts(
        id=name,
        size_bytes=size,
        family=_text(values.get("family")) or guessed.family,
        variant=_text(values.get("variant")) or guessed.variant,
        framework=_text(values.get("framework")) or PORTFOLIO_FRAMEWORK,
        quantization=_text(values.get("quantization")) or guessed.quantization,
    )


def from_name(name: str) -> ModelFacts:
    """`mlx-community/Qwen2.5-0.5B-Instruct-4bit`: family qwen2.5, variant 0.5b-instruct, quantization 4bit."""
    rest = name.rstrip("/").rpartition("/")[2].lower()
    found = _QUANTIZATION.search(rest)
    if found:
        rest = rest[: found.start()]
    family, _, variant = rest.partition("-")
    return ModelFacts(
        id=name,
        family=family or None,
        variant=variant or None,
        quantization=found[1].replace("-bit", "bit") if found else None,
    )


def model_section(facts: ModelFacts) -> Mapping[str, object]:
    """`model` of a report's line; what is not known is None."""
    return {
        "id": facts.id,
        "size_gb": None if facts.size_bytes is None else round(facts.size_bytes / 2**30, 4),
        "family": facts.family,
        "variant": facts.variant,
        "framework": facts.framework,
        "quantization": facts.quantization,
    }


def _attributes(told: object) -> Mapping[str, object]:
    names = ("id", "name", *_SIZES, "family", "variant", "framework", "quantization")
    return {name: getattr(told, name) for name in names if hasattr(told, name)}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
