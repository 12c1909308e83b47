"""One live transcription: sound in as it is said, turns out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from application.serving.live_counts import LiveCounts
from application.serving.live_turns import Ear, Tell, Turn, TurnsInOrder
from domain.errors import InvalidRequest, NothingToCommit
from domain.inference.live_session import LiveSettings, SpeechStarted, SpeechStopped, TurnCommitted
from domain.inference.live_sound import LineBuffer, LineReader
from domain.inference.sound import SoundSamples
from domain.inference.spoken_turns import TurnBegan, TurnEnded, TurnTaker
from ports.voice_detector import FRAME_MS, VoiceDetector, VoiceDetectors

LEAST_COMMIT_MS = 100
LONGEST_BUFFER_SECONDS = 180
KEPT_SILENCE_SECONDS = 30  # of what no turn wants, for whoever commits by hand all the same


class RealtimeSession:
    """One thread calls it; `turns` answers on another. tell: as for TurnsInOrder; who reads it must not wait for this
    thread. new_item: a name for a turn, unlike all others.
    """

    def __init__(
        self, settings: LiveSettings, detectors: VoiceDetectors, turns: TurnsInOrder, tell: Tell,
        new_item: Callable[[], str],
    ) -> None:  # fmt: skip
        self._detectors = detectors
        self._turns = turns
        self._tell = tell
        self._new_item = new_item
        self._settings = LiveSettings()
        self._reader = LineReader(settings.format)
        self._buffer = LineBuffer()
        self._detector: VoiceDetector | None = None
        self._taker: TurnTaker | None = None
        self._frames_from = 0  # the sample with which the taker's frames begin
        self._item: str | None = None  # of the turn that runs
        self._previous: str | None = None
        self.update(settings)

    @property
    def settings(self) -> LiveSettings:
        return self._settings

    def update(self, settings: LiveSettings) -> None:
        """From now on. A turn that runs ends here when its rules change, and what follows is the next one; without
        rules, all of it waits to be committed. Raises InvalidRequest for another format once sound has come.
        """
        before, allowed = self._settings, self._allowed(settings)
        if settings.turns != before.turns and settings.turns is not None:
            self._end_here()
        self._settings = allowed
        if settings.format != before.format:
            self._reader = LineReader(settings.format)
        if self._detector is None or (settings.turns, settings.format) != (before.turns, before.format):
            self._begin_detecting()
        if settings.model is not None and settings.model != before.model:
            self._turns.prepare(settings.model)

    def append(self, data: bytes) -> None:
        """More of the line, in the session's format; blocks while turns wait that are too long together. Raises
        InvalidRequest when nobody commits what is there.
        """
        samples = self._reader.read(data)
        room = LONGEST_BUFFER_SECONDS * self._rate - (self._buffer.end - self._buffer.first)
        if self._taker is None and len(samples) // 2 > room:
            raise InvalidRequest(
                f"more than {LONGEST_BUFFER_SECONDS} s of sound wait to be committed",
                hint="commit or clear",
                param="audio",
            )
        second = 2 * self._rate
        for at in range(0, len(samples), second):  # so that the buffer never holds more than turns want
            self._hear(samples[at : at + second])

    def commit(self) -> None:
        """What is here is a turn. Raises NothingToCommit for less than LEAST_COMMIT_MS."""
        start = self._buffer.first
        if self._item is not None and self._taker is not None:
            start = max(start, self._sample(self._taker.wanted_from))
        held_ms = self._ms(self._buffer.end - start)
        if held_ms < LEAST_COMMIT_MS:
            raise NothingToCommit(
                f"a turn has at least {LEAST_COMMIT_MS} ms of sound, and the buffer holds {held_ms} ms",
                hint="append sound first; with turn detection turns are committed by themselves",
            )
        item = self._item or self._new_item()
        self._take()
        self._commit(item, start, self._buffer.end)

    def finish(self) -> None:
        """Nothing more is said, and what was not committed never is. Blocks until every turn is answered."""
        self._turns.finish()

    def close(self) -> None:
        """Nobody wants the rest. From any thread, does not block; idempotent."""
        self._turns.close()

    def clear(self) -> None:
        """What is here is forgotten; a turn that runs is none."""
        self._take()
        self._reader = LineReader(self._settings.format)
        self._buffer.forget(self._buffer.end)

    def _allowed(self, settings: LiveSettings) -> LiveSettings:
        if settings.format != self._settings.format and self._buffer.end:
            raise InvalidRequest(
                "the sound's format cannot change once there is sound", hint="open another session for it",
                param="session.audio.input.format",
            )  # fmt: skip
        return settings

    def _begin_detecting(self) -> None:
        rules = self._settings.turns
        self._item = None
        self._frames_from = self._buffer.end
        self._taker = None if rules is None else TurnTaker(rules, FRAME_MS)
        self._detector = None if rules is None else self._detectors.for_line(self._rate)

    def _hear(self, samples: bytes) -> None:
        self._buffer.add(samples)
        if self._taker is None or self._detector is None:
            return
        for event in self._taker.hear(self._detector.hear(samples)):
            if isinstance(event, TurnBegan):
                self._item = self._new_item()
                self._tell(SpeechStarted(self._item, self._ms(self._sample(event.start))))
            else:
                self._end(event)
        kept = self._buffer.end - KEPT_SILENCE_SECONDS * self._rate
        self._buffer.forget(min(self._sample(self._taker.wanted_from), kept))

    def _end(self, turn: TurnEnded) -> None:
        item, self._item = self._item or self._new_item(), None
        end = self._sample(turn.end)
        self._tell(SpeechStopped(item, self._ms(end)))
        self._commit(item, self._sample(turn.start), end)

    def _end_here(self) -> None:
        if self._item is None or self._taker is None:
            return
        item, self._item = self._item, None
        self._tell(SpeechStopped(item, self._ms(self._buffer.end)))
        self._commit(item, self._sample(self._taker.wanted_from), self._buffer.end)

    def _commit(self, item: str, start: int, end: int) -> None:
        sound = SoundSamples(self._buffer.part(start, end), self._rate)
        self._buffer.forget(end)
        self._tell(TurnCommitted(item, self._previous))
        self._previous = item
        self._turns.add(Turn(item, sound, self._settings))

    def _take(self) -> None:
        """The turn that runs, if one does, is over for the taker."""
        self._item = None
        if self._taker is not None:
            self._taker.take()

    def _sample(self, frame: int) -> int:
        return self._frames_from + frame * self._rate * FRAME_MS // 1000

    def _ms(self, samples: int) -> int:
        return samples * 1000 // self._rate

    @property
    def _rate(self) -> int:
        return self._settings.format.rate


class OpenRealtimeSession:
    """Thread-safe. counts: where turns and sessions are counted."""

    def __init__(self, ear: Ear, detectors: VoiceDetectors, counts: LiveCounts) -> None:
        self._ear = ear
        self._detectors = detectors
        self._counts = counts

    @contextmanager
    def execute(self, settings: LiveSettings, tell: Tell, new_item: Callable[[], str]) -> Iterator[RealtimeSession]:
        """A session while the context lasts; then its turns that are not answered are given up."""
        turns = TurnsInOrder(self._ear, tell, self._counts)
        with self._counts.session():
            try:
                yield RealtimeSession(settings, self._detectors, turns, tell, new_item)
            finally:
                turns.close()
