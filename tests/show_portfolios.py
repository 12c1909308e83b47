"""Prints the models that live tests would run on here: `python -m tests.show_portfolios`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from adapters.memory import memory_probe_for
from domain.serving.memory_policy import DeviceMemory
from tests.support import isolated_cache as caches
from tests.support.portfolio.discovery import discover, listed
from tests.support.portfolio.gates import GB, needed_bytes, reason_to_skip
from tests.support.portfolio.kinds import Kind, PortfolioModel, portfolio_of
from tests.support.portfolio.miniatures import add_miniatures
from tests.support.user_cache import user_cache


def lines(portfolio: Mapping[Kind, tuple[PortfolioModel, ...]], memory: DeviceMemory | None) -> Iterator[str]:
    """A line for each model: key, what it needs, whether it would run, name. A line for a kind without models."""
    for kind in Kind:
        if not portfolio[kind]:
            yield f"{kind}: no model"
        for model in portfolio[kind]:
            need = "?" if memory is None else f"{needed_bytes(model, memory) / GB:.3g} GB"
            reason = reason_to_skip(model, memory)
            told = f"skip: {reason}" if reason else "run"
            yield f"{model.key:<14} {need:>10}  {told}  {model.name}{' (miniature)' if model.miniature else ''}"


def main() -> int:
    home = user_cache(os.environ).home
    print(f"user's cache: {home}")
    memory = memory_probe_for(sys.platform).read()
    print("\n".join(lines(_with_sizes(discover(home)), memory)))
    return 0


def _with_sizes(portfolio: Mapping[Kind, tuple[PortfolioModel, ...]]) -> Mapping[Kind, tuple[PortfolioModel, ...]]:
    """Miniatures are made for a moment, to be looked at as the tests will."""
    with tempfile.TemporaryDirectory() as folder:
        cache = caches.made_in(Path(folder))
        add_miniatures(cache.hub)
        small = portfolio_of(listed(cache.home), cache.home)
    sizes = {each.name: each.size_bytes for kind in Kind for each in small[kind]}
    return {kind: tuple(_sized(each, sizes) for each in models) for kind, models in portfolio.items()}


def _sized(model: PortfolioModel, sizes: Mapping[str, int]) -> PortfolioModel:
    if not model.miniature:
        return model
    return PortfolioModel(model.key, model.name, model.kind, sizes[model.name], None, miniature=True)


if __name__ == "__main__":
    sys.exit(main())
