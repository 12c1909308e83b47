"""One sound on its way through Whisper: which window is next, what has been heard so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import mlx.core as mx

from adapters.inference.hearing.alignment import Aligned, aligned
from adapters.inference.hearing.codec import PreparedSound
from adapters.inference.hearing.telling import Telling
from adapters.inference.hearing.whisper_network import HOP, RATE, Memory
from adapters.inference.hearing.window import Attempt, Reader
from domain.inference.hearing_words import worded
from domain.inference.transcription import HearingEvent, HearingTask, Segment, TranscriptionRequest
from domain.inference.whisper_rules import (
    FORGETFUL_TEMPERATURE,
    FRAMES_PER_SECOND,
    LEAST_FRAMES,
    WINDOW_FRAMES,
    Piece,
    Reading,
    cut,
    is_silence,
    ladder,
    wants_another,
)


@dataclass(slots=True, eq=False)
class _Window:
    frames: int
    features: mx.array
    memory: Memory
    tries: int = 0
    attempt: Attempt | None = None


class WhisperJob:
    """`hear` a window, then let a Reader go on with `attempt` until it has ended, then `conclude`; until `done`.

    Every window ends behind its beginning (domain/inference/whisper_rules.py), so there is an end to all of it.
    """

    def __init__(self, request: TranscriptionRequest, prepared: PreparedSound, reader: Reader) -> None:
        self._request = request
        self._samples = prepared.samples
        self._reader = reader
        self._frames = max(1, len(prepared.samples) // HOP)
        self._seek = 0
        self._loudest = float("-inf")
        self._before: list[int] = list(prepared.prompt)
        self._window: _Window | None = None
        self._telling = Telling(len(prepared.samples) / RATE, request.language, prepared.warnings)
        self.alone = False  # its rows are not read beside others

    @property
    def attempt(self) -> Attempt | None:
        """None while no window is being read."""
        return None if self._window is None else self._window.attempt

    @property
    def done(self) -> bool:
        return self._seek >= self._frames or (self._seek > 0 and self._frames - self._seek < LEAST_FRAMES)

    def opened(self) -> HearingEvent:
        return self._telling.progress(0.0)

    def hear(self) -> None:
        """Encode the next window and begin to read it."""
        frames = min(WINDOW_FRAMES, self._frames - self._seek)
        mel, self._loudest = self._reader.network.mel(self._samples, self._seek, frames, self._loudest)
        features, memory = self._reader.network.encode(mel)
        self._window = _Window(frames, features, memory)
        if self._telling.language is None:
            self._telling.language = self._reader.language(memory)
        self._try(self._window)

    def retry(self) -> None:
        """Read the window once more from its beginning, at the temperature at which it was."""
        if (window := self._window) is not None:
            window.tries -= 1
            self._try(window)

    def conclude(self) -> Sequence[HearingEvent]:
        """After the attempt's end: read it again at a higher temperature, or tell what was heard and go on."""
        window = self._window
        if window is None or window.attempt is None:
            return ()
        reading = window.attempt.reading(self._reader.tokens)
        self._telling.completion_tokens += len(reading.tokens)
        if wants_another(reading) and window.tries < len(self._ladder):
            self._try(window)
            return ()
        self._window = None
        if is_silence(reading):
            self._seek += window.frames
            return self._passed(())
        parts = cut(reading.tokens, self._reader.tokens.first_stamp, window.frames)
        segments = self._segments(parts.pieces, reading, window)
        self._remember(reading, parts.pieces)
        self._seek += parts.frames
        return self._passed(segments)

    @property
    def _ladder(self) -> tuple[float, ...]:
        return ladder(self._request.temperature)

    def _try(self, window: _Window) -> None:
        translates = self._request.task is HearingTask.TRANSLATE
        opening = self._reader.opening(
            self._before, self._telling.language, translates=translates, times=self._request.times
        )
        self._telling.prompt_tokens += len(opening)
        window.attempt = Attempt(
            window.memory.fresh(),
            opening,
            opening.index(self._reader.tokens.start),
            self._request.times,
            self._ladder[window.tries],
            self._seek * len(self._ladder) + window.tries,
        )
        window.tries += 1

    def _segments(self, pieces: Sequence[Piece], reading: Reading, window: _Window) -> list[Segment]:
        offset = self._seek / FRAMES_PER_SECOND
        segments = [
            Segment(
                number=0,
                start=offset + piece.start / FRAMES_PER_SECOND,
                end=offset + piece.end / FRAMES_PER_SECOND,
                text=self._reader.tokens.text(piece.tokens),
                tokens=piece.tokens,
                seek=self._seek,
                temperature=reading.temperature,
                average_logprob=reading.average_logprob,
                compression_ratio=reading.compression_ratio,
                no_speech_probability=reading.no_speech_probability,
            )
            for piece in pieces
        ]
        segments = [segment for segment in segments if segment.text.strip()]
        return self._with_words(segments, window) if self._request.words else segments

    def _with_words(self, segments: list[Segment], window: _Window) -> list[Segment]:
        tokens = self._reader.tokens
        said = [token for segment in segments for token in segment.tokens if token < tokens.end]
        found = aligned(
            self._reader.network, tokens, Aligned(window.features, window.frames, self._telling.language), said
        )
        offset = self._seek / FRAMES_PER_SECOND
        shifted = [replace(each, start=each.start + offset, end=each.end + offset) for each in found]
        counts = [sum(token < tokens.end for token in segment.tokens) for segment in segments]
        return worded(segments, counts, shifted)

    def _remember(self, reading: Reading, pieces: Sequence[Piece]) -> None:
        """What was heard helps with what follows, unless it was guessed, or is said in another language."""
        if self._request.task is HearingTask.TRANSLATE or reading.temperature > FORGETFUL_TEMPERATURE:
            self._before = []
        else:
            self._before += [token for piece in pieces for token in piece.tokens]

    def _passed(self, segments: Sequence[Segment]) -> Sequence[HearingEvent]:
        events: list[HearingEvent] = [self._telling.heard(segment) for segment in segments]
        events.append(self._telling.progress(self._seek / FRAMES_PER_SECOND))
        if self.done:
            events.append(self._telling.whole())
        return events
