"""Settings for what hears."""

from __future__ import annotations

from dataclasses import dataclass

from domain.duration import parse_duration
from entrypoints.setting_values import Reader, Setting, as_boolean


@dataclass(frozen=True, slots=True)
class HearingSettings:
    """timeout: seconds that a transcription may take, None for the usual rule. segments: what is heard in a
    conversation is followed by a table of when it was said.
    """

    timeout: Setting[float | None]
    segments: Setting[bool]


def read_hearing(reader: Reader) -> HearingSettings:
    """Raises UsageError."""
    return HearingSettings(
        timeout=reader.read("transcription_timeout", "MLXK2_TRANSCRIPTION_TIMEOUT", as_time_limit, default=None),
        segments=reader.read("audio_segments", "MLXK2_AUDIO_SEGMENTS", as_boolean, default=False),
    )


def as_time_limit(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError("must be more than 0 seconds")
    return seconds
