"""Speech stands out of the noise around it and has a pitch. In plain Python: the serving process has no numpy, and what
detectors of others cost there is in docs/realtime.md.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from math import exp
from operator import add, mul

from adapters.voice_activity.levels import NoiseFloor, level
from adapters.voice_activity.voicing import PitchFinder
from ports.voice_detector import FRAME_MS

LOW_RATE = 8_000
PITCH_RATE = 4_000
PITCH_SAMPLES = 48 * PITCH_RATE // 1000  # two of the longest periods, and a bit
FLOOR_FRAMES = 2_000 // FRAME_MS
STANDING_OUT_DB = 7.0  # where a frame is as likely speech as not
STEEPNESS_DB = 2.5
PERIODIC = 0.55
WORTH_A_LOOK = 0.15
CONFIRMING = (20 // FRAME_MS, 300 // FRAME_MS)  # frames until a pitch must be found again
# Fricatives and the silence of a plosive have no pitch: a voice heard so many frames ago still counts.
VOICE_LASTS_FRAMES = 400 // FRAME_MS
LOOK_AGAIN_FRAMES = 100 // FRAME_MS


class PitchDetector:
    """A VoiceDetector. rate: a multiple of LOW_RATE; what is above half of that is not listened to."""

    def __init__(self, rate: int) -> None:
        self._fold = rate // LOW_RATE
        self._frame = rate * FRAME_MS // 1000
        self._rest = array("h")
        self._floor = NoiseFloor(FLOOR_FRAMES)
        self._pitch = PitchFinder(PITCH_RATE)
        self._recent: list[int] = []
        self._smooth = 0.0
        self._first = True
        self._at = 0
        self._voiced_at = -VOICE_LASTS_FRAMES - 1  # when there was a voice
        self._hint_at = self._voiced_at  # when there may have been one

    def hear(self, samples: bytes) -> Sequence[float]:
        heard = array("h", samples)
        if sys.byteorder == "big":
            heard.byteswap()
        self._rest.extend(heard)
        whole = len(self._rest) // self._frame
        scores = [self._score(self._rest[at * self._frame : (at + 1) * self._frame]) for at in range(whole)]
        del self._rest[: whole * self._frame]
        return scores

    def _score(self, frame: array[int]) -> float:
        low = _folded(frame, self._fold)
        energy = sum(map(mul, low, low)) - sum(low) ** 2 / len(low)
        self._smooth = energy if self._first else (self._smooth + energy) / 2
        self._first = False
        loud = level(self._smooth, len(low))
        outstanding = loud - self._floor.add(loud)
        self._recent = [*self._recent, *_folded(low, 2)][-PITCH_SAMPLES:]
        likely = 1 / (1 + exp((STANDING_OUT_DB - outstanding) / STEEPNESS_DB))
        if likely > WORTH_A_LOOK and self._at - self._voiced_at > LOOK_AGAIN_FRAMES and self._voiced():
            self._found_pitch()
        self._at += 1
        return likely if self._at - self._voiced_at <= VOICE_LASTS_FRAMES else 0.0

    def _found_pitch(self) -> None:
        """Where there was no voice, once may be chance."""
        since_hint = self._at - self._hint_at
        if self._at - self._voiced_at <= VOICE_LASTS_FRAMES or CONFIRMING[0] <= since_hint <= CONFIRMING[1]:
            self._voiced_at = self._at
        elif since_hint > CONFIRMING[1]:
            self._hint_at = self._at

    def _voiced(self) -> bool:
        return len(self._recent) == PITCH_SAMPLES and self._pitch.periodicity(self._recent) > PERIODIC


def _folded(samples: Sequence[int], fold: int) -> Sequence[int]:
    """One sample, the mean, for so many that follow one another."""
    if fold == 1:
        return samples
    parts = [samples[at::fold] for at in range(fold)]
    total: Sequence[int] = parts[0]
    for part in parts[1:]:
        total = list(map(add, total, part))
    return [each // fold for each in total]


class PitchDetectors:
    """VoiceDetectors."""

    def for_line(self, rate: int) -> PitchDetector:
        return PitchDetector(rate)
