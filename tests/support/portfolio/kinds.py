"""What kind of model an entry of `mlxk list --json` is, and which entries make a portfolio."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class Kind(StrEnum):
    """audio is what hears; what speaks belongs to no portfolio."""

    TEXT = "text"
    VISION = "vision"
    AUDIO = "audio"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True)
class PortfolioModel:
    """key: `text_00`. size_bytes: all files. home: the HF_HOME that has it; None: of miniatures, made by a fixture.
    quantization: as its name says it, else its files; None: not looked up, or nothing tells.
    """

    key: str
    name: str
    kind: Kind
    size_bytes: int
    home: Path | None
    miniature: bool = False
    quantization: str | None = None


def kind_of(entry: Mapping[str, Any]) -> Kind | None:
    """The one kind of a model; None when it belongs to no portfolio."""
    can = set(entry["capabilities"])
    match entry["model_type"]:
        case "embedding":
            return Kind.EMBEDDING if "embeddings" in can else None
        case "audio":
            return Kind.AUDIO if "audio" in can else None
        case "chat":
            return Kind.VISION if "vision" in can else Kind.TEXT
    return None


def qualifies(entry: Mapping[str, Any]) -> bool:
    """Whether it is in the cache, sound, and runs here."""
    return (
        entry["cached"] is True
        and entry["framework"] == "MLX"
        and entry["health"] == "healthy"
        and entry["runtime_compatible"] is True
    )


def portfolio_of(entries: Iterable[Mapping[str, Any]], home: Path | None) -> dict[Kind, tuple[PortfolioModel, ...]]:
    """Every kind, with its models by name. entries: as `mlxk list --json` tells them, in any order."""
    found: dict[Kind, list[tuple[str, int]]] = {kind: [] for kind in Kind}
    for entry in entries:
        kind = kind_of(entry) if qualifies(entry) else None
        if kind is not None:
            found[kind].append((entry["name"], entry["size_bytes"]))
    return {kind: numbered(kind, models, home) for kind, models in found.items()}


def numbered(
    kind: Kind, models: Sequence[tuple[str, int]], home: Path | None, *, miniature: bool = False
) -> tuple[PortfolioModel, ...]:
    """models: name and size. The same models have the same keys at every call."""
    return tuple(
        PortfolioModel(f"{kind}_{number:02d}", name, kind, size, home, miniature)
        for number, (name, size) in enumerate(sorted(models))
    )
