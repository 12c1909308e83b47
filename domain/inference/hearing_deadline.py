"""How long a transcription may take."""

from __future__ import annotations

LEAST_SECONDS = 120.0
TIMES_THE_SOUND = 10.0
PREPARATION_SECONDS = 300.0


def preparation_limit(allowed_seconds: float | None) -> float:
    """Until it is known how long the sound is: to wait for others, to decode it and to begin. allowed_seconds: what
    was asked for, from the beginning to the end; None is the usual.
    """
    return PREPARATION_SECONDS if allowed_seconds is None else allowed_seconds


def hearing_limit(sound_seconds: float) -> float:
    """From when the sound is decoded, where nothing was asked for: ten times its length, and never less than two
    minutes.
    """
    return max(LEAST_SECONDS, TIMES_THE_SOUND * sound_seconds)
