"""What a model must look at to know how its answer goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

OPENING = -1  # stands for the last token of any prompt
FARTHEST = 8


@dataclass(frozen=True, slots=True)
class Turning:
    """After `token`, when `before` lies `distance` places before it, comes `successor`. answer: only while that one is
    being given, None for any.
    """

    token: int
    distance: int
    before: int
    successor: int
    answer: int | None


@dataclass(frozen=True, slots=True)
class Rules:
    """successors: of tokens that are always followed by the same one, unless a turning says otherwise."""

    successors: dict[int, int]
    turnings: list[Turning]


def rules_for(answers: Sequence[Sequence[int]], ordinary: range) -> Rules:
    """answers: token ids, the last one the stop token, which repeats itself. ordinary: ids that prompts are made of;
    after one of those the answer begins.

    Raises ValueError when two places of the script look alike from everywhere.
    """
    places = [_Place((OPENING, *answer, answer[-1]), at, number) for number, answer in enumerate(answers)
              for at in range(1, len(answer) + 1)]  # fmt: skip
    successors = {answers[0][-1]: answers[0][-1]}
    turnings: dict[Turning, None] = {}
    for place in places:
        if place.token not in ordinary and successors.setdefault(place.token, place.successor) == place.successor:
            continue
        turnings[_telling(place, places, ordinary)] = None
    return Rules(successors, list(turnings))


@dataclass(frozen=True, slots=True)
class _Place:
    answer: tuple[int, ...]
    at: int
    number: int

    @property
    def token(self) -> int:
        return self.answer[self.at]

    @property
    def successor(self) -> int:
        return self.answer[self.at + 1]

    def before(self, distance: int) -> int | None:
        return self.answer[self.at - distance] if distance <= self.at else None


def _telling(place: _Place, places: Sequence[_Place], ordinary: range) -> Turning:
    """The nearest token that tells this place from all others; if need be, from the others of the same answer."""
    for answer, distance in _views(place):
        before = place.before(distance)
        if before is None or before in ordinary:
            continue
        alike = (
            other
            for other in places
            if other.token == place.token
            and other.before(distance) == before
            and (answer is None or other.number == answer)
        )
        if all(other.successor == place.successor for other in alike):
            return Turning(place.token, distance, before, place.successor, answer)
    raise ValueError(f"no way to tell place {place.at} of answer {place.number} from another like it: vary the text")


def _views(place: _Place) -> Iterator[tuple[int | None, int]]:
    for answer in (None, place.number):
        for distance in range(1, FARTHEST + 1):
            yield answer, distance
