"""Tells the models that live tests run on here: `pytest -m show_model_portfolio -s tests/live`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from adapters.memory import memory_probe_for
from tests.plugins.portfolio import Portfolio
from tests.show_portfolios import lines
from tests.support.portfolio import Kind, PortfolioModel

pytestmark = [pytest.mark.live, pytest.mark.show_model_portfolio]


def test_there_is_a_model_that_chats_one_that_sees_one_that_hears_and_one_that_embeds(
    portfolio: Portfolio, settled: Callable[[PortfolioModel], PortfolioModel]
) -> None:
    found = {kind: tuple(map(settled, models)) for kind, models in portfolio.items()}
    print("\n" + "\n".join(lines(found, memory_probe_for(sys.platform).read())))
    assert all(found[kind] for kind in Kind)
    assert all(each.home is not None and each.size_bytes > 0 for models in found.values() for each in models)
