"""Rows whose prompts have not been read yet, and the reading of them."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from adapters.inference.engine.model import Model
from adapters.inference.engine.prefill import Prefill, Started, read_together
from adapters.inference.engine.probe import LAST_PASS_TOKENS
from adapters.inference.engine.rows import Row
from adapters.inference.engine.seats import Seats
from adapters.inference.prefixes import NoPrefixes, Prefixes
from domain.errors import GenerationFailed, MlxkError
from ports.text_engine import RowStep

# Encoding a picture costs at most what reading so many tokens for each of its own does: it is looked at in patches, of
# which several become one token.
ENCODING_TOKENS = 4


WORTH_SHARE = 4  # a beginning is worth a pass of its own from this part of the prompt on


@dataclass(frozen=True, slots=True)
class Manner:
    """chunk_tokens: of a prompt of that length, read in one pass. together: short prompts of one length may share a
    pass; asked only when two are there.
    """

    chunk_tokens: Callable[[int], int]
    together: Callable[[], bool]
    clock: Callable[[], float]


@dataclass(slots=True, eq=False)
class _Place:
    """prefill: None until the row's turn has come. by_itself: shares no pass. at_once: tokens that one step may
    cost.
    """

    row: Row
    by_itself: bool
    at_once: int
    prefill: Prefill | None = None


class Reading:
    """The queue, in the order of turns: priority, then arrival. A row is in it until its first token is drawn.

    blocked: the last `read` found no seat for the row whose turn it is, and read nothing. encoded: it encoded a
    picture, which may have taken as long as a chunk.
    """

    def __init__(self, model: Model, prefixes: Prefixes, manner: Manner, seats: Seats) -> None:
        self._model = model
        self._prefixes = prefixes
        self._remembers = not isinstance(prefixes, NoPrefixes)
        self._manner = manner
        self._seats = seats
        self.blocked = False
        self.encoded = False
        self._places: list[_Place] = []

    def __len__(self) -> int:
        return len(self._places)

    def add(self, row: Row, by_itself: bool = False) -> None:
        by_itself = by_itself or row.asked.score_prompt is not None
        bisect.insort(self._places, _Place(row, by_itself, self._at_once(row)), key=lambda place: place.row.order)

    @property
    def most_at_once(self) -> int:
        """Tokens that one step may cost beyond a chunk: of prompts that must be read in one pass, or of a picture."""
        return max((place.at_once for place in self._places), default=0)

    def drop_done(self) -> None:
        """Rows that are wanted no more, with all that has been read of them."""
        self._places = [place for place in self._places if not place.row.done]

    def put_back(self, row: Row) -> None:
        """Forget what has been read of it; it is read anew when there is a seat for it."""
        for place in self._places:
            if place.row is row:
                place.prefill = None

    def clear(self) -> None:
        self._places = []

    def read(self, room: int) -> tuple[Started | None, list[RowStep]]:
        """Read a chunk of the prompt whose turn it is, or up to `room` short prompts of one length in one go. Rows that
        are ready now, and what there is to report of those and others before that: how far they have come, scores of
        their prompts, that they failed or only wanted to be read.
        """
        self.blocked = self.encoded = False
        try:
            place = self._next()
        except MlxkError as fault:
            return None, [self._places.pop(0).row.fail(fault)]
        if place is None:
            self.blocked = True
            return None, []
        try:
            alike = self._alike(place, room) if place.prefill is None else []
            if len(alike) > 1:
                return self._read_together(alike)
            prefill = self._begun(place)
            started = prefill.advance()
            self.encoded = prefill.encoded
            news = [] if prefill.encoded else prefill.news(self._manner.clock())
        except Exception as fault:  # noqa: BLE001 - translated: the row fails with its cause, its neighbours go on
            self._places.remove(place)
            return None, [place.row.fail(_failure(place.row, fault))]
        if started is not None or place.row.done:
            self._places.remove(place)
        return started, news

    def _at_once(self, row: Row) -> int:
        media = row.asked.media
        largest = 0 if media is None else max((each.end - each.start for each in media.pictures), default=0)
        return max(self._model.first_pass(row.asked), ENCODING_TOKENS * largest)

    def _next(self) -> _Place | None:
        """Whose turn it is; a row that has a seat already while there is none for that one. Raises InsufficientMemory
        for the first when there never will be.
        """
        first = self._places[0]
        if self._seats.take(first.row):
            return first
        return next((place for place in self._places if place.row.reach), None)

    def _begun(self, place: _Place, least: int = 0) -> Prefill:
        """least: what is remembered and shorter than that is not begun from."""
        if place.prefill is None:
            row = place.row
            first_time = row.started_at is None
            if first_time:
                row.started_at = self._manner.clock()
            prefix = None if row.scores_prompt else self._prefixes.longest(row.marked)
            if prefix is not None and prefix.length < max(least, self._model.first_pass(row.asked)):
                prefix = None  # what must be read together cannot be begun in the middle
            if first_time:
                row.cached_tokens = min(prefix.length, len(row.asked.prompt)) if prefix else 0
            place.prefill = Prefill(self._model, row, self._manner.chunk_tokens(row.length), self._prefixes, prefix)
        return place.prefill

    def _alike(self, first: _Place, room: int) -> list[_Place]:
        """The first place and others of its length that can share its pass. A shared pass is worth more than a short
        beginning that is remembered, such as the opening that every prompt of a template has.
        """
        length = first.row.length
        if first.by_itself or first is not self._places[0]:
            return []  # nobody passes by one who waits for a seat
        fresh = [place for place in self._places if place.row.length == length and place.prefill is None]
        if len(fresh) < 2 or room < 2 or length > LAST_PASS_TOKENS or not self._manner.together():
            return []
        most = min(room, self._manner.chunk_tokens(room * length) // length)
        if most < 2:
            return []
        alike: list[_Place] = []
        for place in self._places:
            if len(alike) == most:
                break
            if place.row.length == length and not place.by_itself:
                # One that begins from what is remembered is read by itself, and those behind it wait for it.
                if place.prefill is not None or not self._seats.take(place.row):
                    break
                if self._remembers and self._begun(place, length // WORTH_SHARE).special:
                    break
                alike.append(place)
        return alike if first in alike else []

    def _read_together(self, places: list[_Place]) -> tuple[Started | None, list[RowStep]]:
        rows = [place.row for place in places]
        for row in rows:
            row.started_at = self._manner.clock() if row.started_at is None else row.started_at
        try:
            started = read_together(self._model, rows, self._prefixes)
        except Exception:  # noqa: BLE001 - whose fault it was shows when each is read by itself
            for place in places:
                place.by_itself, place.prefill = True, None
            return None, []
        for place in places:
            self._places.remove(place)
        return started, [RowStep(row.row_id, None, read=row.length) for row in rows if row.asked.progress]


def _failure(row: Row, fault: Exception) -> MlxkError:
    if isinstance(fault, MlxkError):
        return fault
    error = GenerationFailed(f"the engine failed on a prompt of {len(row.asked.prompt):,} tokens: {fault}")
    error.__cause__ = fault
    return error
