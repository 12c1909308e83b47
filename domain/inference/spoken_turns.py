"""When somebody who speaks has begun, paused and finished: turns, out of how sure a detector is frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.errors import InvalidRequest

MOST_MS = 10_000
# A voice that fades is still there: it ends further down than it begins.
FADING = 0.7
# The pauses within a word or two that may fall into the speech a turn needs to begin.
HOLE_MS = 100


@dataclass(frozen=True, slots=True)
class TurnRules:
    """threshold: of the detector, from which a frame is speech. prefix_ms: what belongs to a turn before its first
    frame of speech. silence_ms: what ends it, and belongs to it. least_ms: of speech, before there is a turn: a click
    is none. longest_ms: a turn that is so long is cut, at the quietest place of its second half where nobody pauses.

    Raises InvalidRequest for values out of range.
    """

    threshold: float = 0.5
    prefix_ms: int = 300
    silence_ms: int = 500
    least_ms: int = 80
    longest_ms: int = 28_000

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise InvalidRequest(f"threshold must be from 0 to 1, got {self.threshold}", param="threshold")
        if not 0 <= self.prefix_ms <= MOST_MS:
            raise InvalidRequest(
                f"prefix_padding_ms must be from 0 to {MOST_MS}, got {self.prefix_ms}", param="prefix_padding_ms"
            )
        if not 1 <= self.silence_ms <= MOST_MS:
            raise InvalidRequest(
                f"silence_duration_ms must be from 1 to {MOST_MS}, got {self.silence_ms}", param="silence_duration_ms"
            )
        if not 0 < 4 * self.least_ms <= self.longest_ms:
            raise InvalidRequest(f"a turn needs from 1 to {self.longest_ms // 4} ms of speech, got {self.least_ms}")


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """start: the turn's first frame, the prefix counted."""

    start: int


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """start, end: its frames, end not counted. cut: nobody paused, and the next turn begins where this one ends."""

    start: int
    end: int
    cut: bool = False


TurnEvent = TurnBegan | TurnEnded


class TurnTaker:
    """Frames are numbered from the first one heard. Turns follow one another without overlap, each at most as long as
    the rules say and one frame. One thread.
    """

    def __init__(self, rules: TurnRules, frame_ms: int) -> None:
        self._rules = rules
        self._longest = max(2, _frames(rules.longest_ms, frame_ms))
        self._prefix = min(_frames(rules.prefix_ms, frame_ms), self._longest // 2)
        self._silence = max(1, _frames(rules.silence_ms, frame_ms))
        self._least = max(1, _frames(rules.least_ms, frame_ms))
        self._hole = _frames(HOLE_MS, frame_ms)
        self._now = 0
        self._taken = 0
        self._start: int | None = None
        self._scores: list[float] = []  # of the turn that runs
        self._quiet_since: int | None = None
        self._candidate: int | None = None
        self._spoken = 0
        self._last_spoken = 0

    @property
    def now(self) -> int:
        """How many frames were heard."""
        return self._now

    @property
    def wanted_from(self) -> int:
        """The first frame that a turn may still want."""
        if self._start is not None:
            return self._start
        first = self._now if self._candidate is None else self._candidate
        return max(self._taken, first - self._prefix)

    def hear(self, scores: Iterable[float]) -> Iterator[TurnEvent]:
        """What the next frames bring, frame by frame: read it to the end."""
        for score in scores:
            yield from self._frame(score)

    def take(self) -> int | None:
        """Somebody takes what is there: whatever comes belongs to another turn. The start of the one that ran."""
        start = self._start
        self._leave(self._now)
        return start

    def _frame(self, score: float) -> Iterator[TurnEvent]:
        at = self._now
        self._now += 1
        if self._start is None:
            self._wait(at, score)
            if self._spoken < self._least:
                return
            self._begin(self.wanted_from, self._scores)
            yield TurnBegan(self._start or 0)
        else:
            self._scores.append(score)
        yield from self._go_on(at, score)

    def _wait(self, at: int, score: float) -> None:
        """Count the speech that may become a turn."""
        if score >= self._rules.threshold:
            if self._candidate is None:
                self._candidate, self._spoken = at, 0
                self._scores = [0.0] * (at - self.wanted_from)
            self._spoken += 1
            self._last_spoken = at
        elif self._candidate is not None and at - self._last_spoken > self._hole:
            self._candidate, self._spoken = None, 0
        if self._candidate is not None:
            self._scores.append(score)

    def _go_on(self, at: int, score: float) -> Iterator[TurnEvent]:
        start = self._start or 0
        if score >= self._rules.threshold:
            self._quiet_since = None
        elif self._quiet_since is None and score < self._rules.threshold * FADING:
            self._quiet_since = at
        too_long = self._now - start >= self._longest
        if self._quiet_since is not None and (too_long or self._now - self._quiet_since >= self._silence):
            self._leave(self._now)
            yield TurnEnded(start, self._now)
        elif too_long:
            cut = self._quietest()
            yield TurnEnded(start, cut, cut=True)
            self._begin(cut, self._scores[cut - start :])
            yield TurnBegan(cut)

    def _quietest(self) -> int:
        """The frame to cut at: the last one of those in the turn's second half that are least like speech."""
        half = len(self._scores) // 2
        at = min(range(half, len(self._scores)), key=lambda each: (self._scores[each], -each))
        return (self._start or 0) + max(1, at)

    def _begin(self, start: int, scores: list[float]) -> None:
        self._start, self._scores = start, scores
        self._candidate, self._spoken = None, 0

    def _leave(self, taken: int) -> None:
        self._taken = taken
        self._start = self._quiet_since = self._candidate = None
        self._spoken = 0
        self._scores = []


def _frames(duration_ms: int, frame_ms: int) -> int:
    return -(-duration_ms // frame_ms)
