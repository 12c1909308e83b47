"""What is told of a sound while it is heard, by any model."""

from __future__ import annotations

from dataclasses import replace

from domain.inference.transcription import HeardSegment, HearingProgress, Segment, Transcription


class Telling:
    """Numbers segments, keeps their times in order and within the sound, and joins their texts."""

    def __init__(self, duration_seconds: float, language: str | None, warnings: tuple[str, ...]) -> None:
        self.language = language
        self.prompt_tokens = self.completion_tokens = 0
        self._duration = duration_seconds
        self._warnings = warnings
        self._segments: list[Segment] = []
        self._text: list[str] = []

    def progress(self, seconds: float) -> HearingProgress:
        return HearingProgress(min(seconds, self._duration), self._duration)

    def heard(self, segment: Segment) -> HeardSegment:
        earliest = self._segments[-1].start if self._segments else 0.0
        start = min(max(segment.start, earliest), self._duration)
        end = min(max(segment.end, start), self._duration)
        words = tuple(
            replace(word, start=min(max(word.start, start), end), end=min(max(word.end, start), end))
            for word in segment.words
        )
        kept = replace(segment, number=len(self._segments), start=start, end=end, words=words)
        delta = kept.text if self._segments else kept.text.lstrip()
        self._segments.append(kept)
        self._text.append(delta)
        return HeardSegment(kept, delta)

    def whole(self) -> Transcription:
        return Transcription(
            "".join(self._text),
            self.language,
            self._duration,
            tuple(self._segments),
            self.prompt_tokens,
            self.completion_tokens,
            self._warnings,
        )
