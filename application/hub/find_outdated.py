"""Which cached models has the hub moved on from?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from application.catalog.stores import ModelStores
from application.hub.hubs import MAIN, OpenHub
from domain.catalog.model_ref import hub_name_problem
from domain.catalog.resolution import default_snapshot, matches_pattern
from domain.errors import MlxkError
from ports.hub import ModelHub

CONNECTIONS = 8


class Currency(StrEnum):
    CURRENT = "current"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CurrencyEntry:
    """here, there: commits; there is None when the hub did not say, then `problem` tells why."""

    name: str
    state: Currency
    here: str
    there: str | None = None
    problem: str | None = None


class FindOutdated:
    def __init__(self, stores: ModelStores, open_hub: OpenHub) -> None:
        self._store = stores.cache
        self._open_hub = open_hub

    def execute(self, pattern: str | None = None, hub: str | None = None) -> tuple[CurrencyEntry, ...]:
        """Every cached model with a snapshot, by name; one that the hub does not know is UNKNOWN. Raises nothing for a
        single model.
        """
        wanted = self._here(pattern)
        if not wanted:
            return ()
        far = self._open_hub(hub)
        with ThreadPoolExecutor(CONNECTIONS, "outdated") as threads:
            return tuple(threads.map(lambda pair: _compare(far, *pair), wanted))

    def _here(self, pattern: str | None) -> Sequence[tuple[str, str]]:
        pairs = []
        for name in sorted(self._store.names()):
            if hub_name_problem(name) or (pattern and not matches_pattern(pattern, name)):
                continue
            snapshot = default_snapshot(self._store.snapshots(name))
            if snapshot is not None:
                pairs.append((name, snapshot.revision))
        return pairs


def _compare(hub: ModelHub, name: str, here: str) -> CurrencyEntry:
    try:
        there = hub.head(name, MAIN)
    except MlxkError as error:
        return CurrencyEntry(name, Currency.UNKNOWN, here, problem=error.message)
    return CurrencyEntry(name, Currency.CURRENT if here == there else Currency.OUTDATED, here, there)
