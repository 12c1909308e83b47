"""When a model whose worker dies is started again, and when it is left alone for a while.

The first deaths cost nothing but the restart: a request is replayed at once. From then on each restart waits twice as
long as the one before. After MOST_DEATHS within WINDOW_SECONDS and no answer between them the model is suspended;
after the pause one request may try it, and the pause doubles when that dies too. An answer that ends makes all good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

WINDOW_SECONDS = 120.0
MOST_DEATHS = 5
FREE_DEATHS = 2
FIRST_BACKOFF_SECONDS = 0.25
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """deaths: when workers died since the last answer, in seconds of some clock, oldest first. pause_seconds: of the
    suspension that lasts or was the last, 0 without one. until: when it ends, None without one. A model whose
    suspension has ended stays `tripped` until it answers.
    """

    deaths: tuple[float, ...] = ()
    pause_seconds: float = 0.0
    until: float | None = None

    @property
    def tripped(self) -> bool:
        return self.until is not None

    def died(self, now: float) -> Breaker:
        """A worker died, or could not load the model because it died."""
        recent = (*(each for each in self.deaths if now - each < WINDOW_SECONDS), now)[-MOST_DEATHS:]
        if not self.tripped and len(recent) < MOST_DEATHS:
            return replace(self, deaths=recent)
        pause = min(LONGEST_PAUSE_SECONDS, self.pause_seconds * 2 or FIRST_PAUSE_SECONDS)
        return Breaker(recent, pause, now + pause)

    def answered(self) -> Breaker:
        """An answer came to its end, or a trial has shown that the model lives."""
        return CLOSED

    def suspended_seconds(self, now: float) -> float:
        """How long nobody may try; 0 when a request may."""
        return 0.0 if self.until is None else max(0.0, self.until - now)

    def backoff_seconds(self, now: float) -> float:
        """How long the next start has to wait. A trial has waited already."""
        counted = [each for each in self.deaths if now - each < WINDOW_SECONDS]
        if self.tripped or len(counted) <= FREE_DEATHS:
            return 0.0
        due = counted[-1] + FIRST_BACKOFF_SECONDS * 2.0 ** (len(counted) - FREE_DEATHS - 1)
        return max(0.0, due - now)


CLOSED = Breaker()
