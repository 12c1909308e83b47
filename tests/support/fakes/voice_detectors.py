"""VoiceDetectors that tests can foresee: a frame is as likely speech as its first sample is loud."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from ports.voice_detector import FRAME_MS

SPEECH = 16_000  # at least so loud is speech for sure


class LoudnessDetector:
    """VoiceDetector. rate: any multiple of 50."""

    def __init__(self, rate: int) -> None:
        self._frame = rate * FRAME_MS // 1000
        self._rest = array("h")

    def hear(self, samples: bytes) -> Sequence[float]:
        self._rest.frombytes(samples)
        whole = len(self._rest) // self._frame
        scores = [min(1.0, abs(self._rest[at * self._frame]) / SPEECH) for at in range(whole)]
        del self._rest[: whole * self._frame]
        return scores


class LoudnessDetectors:
    def for_line(self, rate: int) -> LoudnessDetector:
        return LoudnessDetector(rate)


def loud(seconds: float, rate: int = 24_000) -> bytes:
    return array("h", [SPEECH] * int(seconds * rate)).tobytes()


def quiet(seconds: float, rate: int = 24_000) -> bytes:
    return bytes(2 * int(seconds * rate))
