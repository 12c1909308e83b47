"""Other names for models."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import InvalidRequest


def meaning(name: str, aliases: Mapping[str, str]) -> str:
    """What a name stands for: itself, unless it is an alias; then what stands at the end of the chain. Case counts
    only where two aliases differ by nothing else. Raises InvalidRequest for a circle.
    """
    seen: list[str] = []
    while (alias := _alias(name, aliases)) is not None:
        if alias in seen:
            raise _circle([*seen[seen.index(alias) :], alias])
        seen.append(alias)
        name = aliases[alias]
    return name


def check_aliases(aliases: Mapping[str, str]) -> None:
    """Raises InvalidRequest for a circle, and for a name or a meaning that is empty."""
    for alias, target in aliases.items():
        if not alias.strip() or not target.strip():
            raise InvalidRequest(f"the alias {alias!r} = {target!r} lacks a name", param="aliases")
        meaning(alias, aliases)


def _alias(name: str, aliases: Mapping[str, str]) -> str | None:
    """The alias that this is, as its owner spelled it."""
    if name in aliases:
        return name
    folded = [each for each in aliases if each.casefold() == name.casefold()]
    return folded[0] if len(folded) == 1 else None


def _circle(chain: list[str]) -> InvalidRequest:
    return InvalidRequest(
        f"the alias {chain[0]!r} leads in a circle: {' -> '.join(chain)}",
        hint="let one of them name a model",
        param="aliases",
    )
