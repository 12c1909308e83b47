"""When a worker counts as stuck, and when it has to go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from domain.serving.vitals import EngineVitals


class Condition(Enum):
    """STUCK: requests cannot count on it. HUNG: it is given up."""

    WELL = "well"
    STUCK = "stuck"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class HeartLimits:
    """An engine is stuck once it has not answered for the larger of `silence_seconds` and `steps` predicted steps, or
    once one request has been in preparation (template, tokenizer, decoding of what is attached: a video may take 30 s)
    for `preparing_seconds`: those behind it wait. After
    `patience` times as long it is hung.
    """

    silence_seconds: float = 10.0
    steps: float = 5.0
    preparing_seconds: float = 40.0
    patience: float = 3.0

    def silence(self, step_seconds: float) -> float:
        """The longest silence that is none."""
        return max(self.silence_seconds, self.steps * step_seconds)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is known of one engine. silent_seconds: how long it has not answered what it was asked; 0 when nothing is
    open. last: its last answer, None before the first.
    """

    silent_seconds: float = 0.0
    asked: bool = False
    last: EngineVitals | None = None

    @property
    def unsettled(self) -> bool:
        """Its last answer, or the lack of one, is worth a second look even when no request runs."""
        return self.asked or _preparing_seconds(self) > 0

    def asked_again(self) -> Heartbeat:
        """A question is open; a second one beside it changes nothing."""
        return replace(self, asked=True)

    def answered(self, vitals: EngineVitals) -> Heartbeat:
        return Heartbeat(0.0, asked=False, last=vitals)

    def later(self, seconds: float, most: float) -> Heartbeat:
        """After so many seconds, of which at most `most` count: a front that was itself held up (stopped, swapped out)
        has not been listening, and blames nobody for it.
        """
        return replace(self, silent_seconds=self.silent_seconds + min(seconds, most)) if self.asked else self


def condition(heartbeat: Heartbeat, limits: HeartLimits) -> Condition:
    step_seconds = 0.0 if heartbeat.last is None else heartbeat.last.step_seconds
    strain = max(
        heartbeat.silent_seconds / limits.silence(step_seconds),
        _preparing_seconds(heartbeat) / limits.preparing_seconds,
    )
    if strain > limits.patience:
        return Condition.HUNG
    return Condition.STUCK if strain > 1 else Condition.WELL


def complaint(heartbeat: Heartbeat, limits: HeartLimits) -> str:
    """What is wrong with an engine that is not well, as a clause."""
    preparing_seconds = _preparing_seconds(heartbeat)
    if preparing_seconds > limits.preparing_seconds:
        return f"has been in one request's template or tokenizer for {preparing_seconds:.0f} s"
    return f"has not answered for {heartbeat.silent_seconds:.0f} s"


def _preparing_seconds(heartbeat: Heartbeat) -> float:
    return 0.0 if heartbeat.last is None else heartbeat.last.preparing_seconds
