"""A long sound in pieces that a model hears one by one, and what it says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from adapters.inference.sound.decoding import Samples
from domain.inference.transcription import HeardWord, Segment

PIECE_SECONDS = 30.0
SEARCHED_SECONDS = 5.0  # before a piece's end, for a pause
PAUSE_SECONDS = 0.2
LEAST_SECONDS = 0.1  # shorter ones break some models' first layer: silence is added


def piece_end(samples: Samples, start: int, rate: int) -> int:
    """Where the piece that begins at `start` ends: at the quietest place of its last seconds."""
    latest = start + int(PIECE_SECONDS * rate)
    if latest >= len(samples):
        return len(samples)
    earliest, width = latest - int(SEARCHED_SECONDS * rate), int(PAUSE_SECONDS * rate)
    power = np.concatenate([[0.0], np.cumsum(np.square(samples[earliest:latest], dtype=np.float64))])
    return earliest + int(np.argmin(power[width:] - power[:-width])) + width // 2


def long_enough(samples: Samples, rate: int) -> Samples:
    least = int(LEAST_SECONDS * rate)
    return samples if len(samples) >= least else np.pad(samples, (0, least - len(samples)))


def segments_of(told: Any, offset: float, seconds: float, *, words: bool) -> list[Segment]:
    """told: what a model of mlx-audio returned for a piece of so many seconds that begins at `offset`. Times that
    cannot be right (several families fill them in with 0 or with how long it took) become the piece's own.
    """
    if (sentences := getattr(told, "sentences", None)) is not None:
        return [_sentence(each, offset, words=words) for each in sentences if each.text.strip()]
    text = str(getattr(told, "text", told) or "").strip()
    parts = [each for each in getattr(told, "segments", None) or () if isinstance(each, dict)]
    if len(parts) > 1 and (found := _timed(parts, offset, seconds)):
        return found
    return [Segment(0, offset, offset + seconds, f" {text}")] if text else []


def language_of(told: Any) -> str | None:
    """A code, where it tells one."""
    found = getattr(told, "language", None)
    good = isinstance(found, str) and 2 <= len(found) <= 3 and found.isascii() and found.isalpha()
    return found.lower() if good and isinstance(found, str) else None


def _timed(parts: Sequence[dict[str, Any]], offset: float, seconds: float) -> list[Segment]:
    found: list[Segment] = []
    earliest = 0.0
    for part in parts:
        start, end, text = part.get("start"), part.get("end"), str(part.get("text") or "").strip()
        if not (isinstance(start, int | float) and isinstance(end, int | float)):
            return []
        if not (earliest <= start <= end and start <= seconds and end > 0):
            return []
        earliest = float(start)
        if text:
            found.append(Segment(0, offset + start, offset + min(end, seconds), f" {text}"))
    return found


def _sentence(told: Any, offset: float, *, words: bool) -> Segment:
    return Segment(
        0,
        offset + float(told.start),
        offset + float(told.end),
        f" {told.text.strip()}",
        tokens=tuple(int(token.id) for token in told.tokens),
        words=tuple(_words(told.tokens, offset)) if words else (),
    )


def _words(tokens: Iterable[Any], offset: float) -> list[HeardWord]:
    found: list[HeardWord] = []
    for token in tokens:
        start, end = offset + float(token.start), offset + float(token.start) + float(token.duration)
        chance = float(getattr(token, "confidence", 1.0))
        if found and not token.text.startswith(" "):
            last = found[-1]
            found[-1] = HeardWord(last.text + token.text, last.start, end, min(last.probability, chance))
        else:
            found.append(HeardWord(f" {token.text.strip()}", start, end, chance))
    return found
