"""How Whisper's answers are read: which token may come next, what can be trusted, where a window is cut."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

FRAMES_PER_SECOND = 100
WINDOW_FRAMES = 3000
STAMP_FRAMES = 2  # a timestamp token counts 20 ms
LAST_STAMP = WINDOW_FRAMES // STAMP_FRAMES
LATEST_BEGINNING = 50  # stamps: a window's first words begin within its first second
LEAST_FRAMES = 10  # what is left over at a sound's end is heard from 0.1 s on
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
UNTRUSTED_RATIO = 2.4
UNTRUSTED_LOGPROB = -1.0
SILENT_PROBABILITY = 0.6
FORGETFUL_TEMPERATURE = 0.5  # what was heard above it is no help with what follows


@dataclass(frozen=True, slots=True)
class Reading:
    """What a window was heard as. tokens: without the one that ends it."""

    tokens: tuple[int, ...]
    temperature: float
    average_logprob: float
    no_speech_probability: float
    compression_ratio: float


def ladder(temperature: float | None) -> tuple[float, ...]:
    """The temperatures to try in turn: one that is given above 0 stands alone."""
    return (temperature,) if temperature else TEMPERATURES


def compression_ratio(text: str) -> float:
    """How much shorter a text can be written: what repeats itself has a high one."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def is_silence(reading: Reading) -> bool:
    """Nobody speaks in the window, and the words that were heard all the same are guesses."""
    return reading.no_speech_probability > SILENT_PROBABILITY and reading.average_logprob < UNTRUSTED_LOGPROB


def wants_another(reading: Reading) -> bool:
    """It repeats itself or is a guess, so the next temperature is to be tried."""
    doubtful = reading.compression_ratio > UNTRUSTED_RATIO or reading.average_logprob < UNTRUSTED_LOGPROB
    return doubtful and not is_silence(reading)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may come next. text: words. end: the end. lowest, highest: of the timestamps; none where lowest is more."""

    text: bool
    end: bool
    lowest: int
    highest: int


UNTIMED = Allowed(text=True, end=True, lowest=1, highest=0)
UNTIMED_FIRST = Allowed(text=True, end=False, lowest=1, highest=0)
TIMED_FIRST = Allowed(text=False, end=False, lowest=0, highest=LATEST_BEGINNING)


def allowed_next(sampled: Sequence[int], first_stamp: int, *, times: bool) -> Allowed:
    """sampled: tokens of this window so far. first_stamp: id of the timestamp 0; all ids from there on are timestamps.

    Timestamps stand in pairs around words, never go back, and a pair is never of no length: every window that is read
    by this rule ends later than it begins.
    """
    if not times:
        return UNTIMED if sampled else UNTIMED_FIRST
    if not sampled:
        return TIMED_FIRST
    after_stamp = sampled[-1] >= first_stamp
    opened = after_stamp and (len(sampled) < 2 or sampled[-2] >= first_stamp)
    if opened:
        return Allowed(text=True, end=True, lowest=LAST_STAMP + 1, highest=LAST_STAMP)
    last = next((token - first_stamp for token in reversed(sampled) if token >= first_stamp), -1)
    return Allowed(text=not after_stamp, end=True, lowest=last if after_stamp else last + 1, highest=LAST_STAMP)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something said in one go. start, end: frames from the window's beginning, 0 <= start <= end <= its length."""

    start: int
    end: int
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """pieces: in order; none begins before the one in front of it ends. frames: how far to go on, at least 1."""

    pieces: tuple[Piece, ...]
    frames: int


def cut(tokens: Sequence[int], first_stamp: int, frames: int) -> Cut:
    """A window of so many frames, by its timestamps. Words behind the last pair are not whole: the next window begins
    where they do. Without pairs, and where a pair would lead nowhere, the whole window is done with.
    """
    stamped = [token >= first_stamp for token in tokens]
    borders = [at for at in range(1, len(tokens)) if stamped[at - 1] and stamped[at]]
    closed = stamped[-2:] == [False, True]
    if not borders:
        return Cut(_bounded([_whole(tokens, stamped, first_stamp, frames)] if tokens else [], frames), frames)
    ends = [*borders, len(tokens)] if closed else borders
    reached = _frame(tokens[ends[-1] - 1], first_stamp)
    if closed or not 0 < reached < frames:
        if not closed and reached <= 0:
            ends = [*borders, len(tokens)]  # nothing comes back to what is behind the pair
        reached = frames
    pieces = []
    for begin, end in zip([0, *ends], ends, strict=False):
        said = tuple(tokens[begin:end])
        first, last = _frame(said[0], first_stamp), _frame(said[-1], first_stamp)
        pieces.append(Piece(first, last if stamped[end - 1] else frames, said))
    return Cut(_bounded(pieces, frames), reached)


def _whole(tokens: Sequence[int], stamped: Sequence[bool], first_stamp: int, frames: int) -> Piece:
    stamps = [_frame(token, first_stamp) for token, is_stamp in zip(tokens, stamped, strict=True) if is_stamp]
    start = stamps[0] if stamped[0] else 0
    return Piece(start, stamps[-1] if stamps and stamps[-1] > start else frames, tuple(tokens))


def _frame(token: int, first_stamp: int) -> int:
    return max(0, token - first_stamp) * STAMP_FRAMES


def _bounded(pieces: Sequence[Piece], frames: int) -> tuple[Piece, ...]:
    found: list[Piece] = []
    earliest = 0
    for piece in pieces:
        start = min(max(piece.start, earliest), frames)
        earliest = min(max(piece.end, start), frames)
        found.append(Piece(start, earliest, piece.tokens))
    return tuple(found)
