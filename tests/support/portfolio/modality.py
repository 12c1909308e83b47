"""Which medium a test is about, by the fixtures that it asks for."""

from __future__ import annotations

from collections.abc import Iterable

from tests.support.portfolio.kinds import Kind

LEGACY = "Unknown (legacy)"
LEGACY_FIXTURES = ("model_key", "portfolio_models")


def modality_of(fixtures: Iterable[str]) -> str | None:
    """The value of a Kind; LEGACY for a test that has only the old names, which do not tell; None without any."""
    asked = set(fixtures)
    for kind in (Kind.VISION, Kind.AUDIO, Kind.EMBEDDING, Kind.TEXT):
        if {f"{kind}_model_key", f"{kind}_model_info"} & asked:
            return kind.value
    return LEGACY if asked.intersection(LEGACY_FIXTURES) else None
