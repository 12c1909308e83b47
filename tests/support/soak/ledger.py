"""What became of every request."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tests.support.soak.wishes import Wish

# What a server that is losing workers may say: each is an error that names itself. Anything else is a fault.
HONEST = frozenset({"engine_died", "model_suspended", "server_busy"})


class Outcome(StrEnum):
    """ANSWERED: whole, and right where the right answer is known. REFUSED: an error that names itself, in a response or
    as the last event. LEFT: the client did, or sent no more and was told so. LOST: neither an answer nor an error.
    WRONG: not what it is alone.
    """

    ANSWERED = "answered"
    REFUSED = "refused"
    LEFT = "left"
    LOST = "lost"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Entry:
    """error: the type of one that was told. told: what there is to say of a fault."""

    wish: Wish
    outcome: Outcome
    seconds: float
    error: str = ""
    told: str = ""

    @property
    def is_fault(self) -> bool:
        bad = self.outcome in (Outcome.LOST, Outcome.WRONG)
        return bad or (self.outcome is Outcome.REFUSED and self.error not in HONEST)


class Ledger:
    """Thread-safe. right: the seeded answers, by model and number."""

    def __init__(self, right: Mapping[tuple[str, int], tuple[str, ...]]) -> None:
        self.right = right
        self._guard = threading.Lock()
        self._entries: list[Entry] = []
        self._begun = 0

    def begin(self) -> None:
        with self._guard:
            self._begun += 1

    def add(self, entry: Entry) -> None:
        with self._guard:
            self._entries.append(entry)

    @property
    def open(self) -> int:
        """Requests that have no entry yet."""
        with self._guard:
            return self._begun - len(self._entries)

    def faults(self) -> list[Entry]:
        return [each for each in self._entries if each.is_fault]

    def counts(self) -> dict[str, int]:
        """By outcome, and by the type of the error."""
        found: Counter[str] = Counter()
        for each in self._entries:
            found[" ".join(filter(None, (each.outcome, each.error)))] += 1
            found["seeded and right"] += each.wish.seeded is not None and each.outcome is Outcome.ANSWERED
        return {"requests": self._begun, "open": self.open, **dict(sorted(found.items()))}

    def slowest(self) -> float:
        return max((each.seconds for each in self._entries), default=0.0)
