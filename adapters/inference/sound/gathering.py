"""Decoded samples, as they come, within what is allowed."""

from __future__ import annotations

import threading
import time
import weakref

import numpy as np

from adapters.inference.sound.resampling import Samples
from domain.errors import InvalidMedia, ServerBusy

MOST_HOURS = 8  # of a sound: 1.8 GB of samples at 16 kHz
LONGEST_SECONDS = MOST_HOURS * 3600.0
MOST_SECONDS = 90.0  # that decoding may take: meanwhile nothing else is prepared
MOST_BYTES = 3 << 30  # of all sounds that are decoded and not yet heard: a small file may hold hours of silence
SAMPLE_BYTES = 4


class SampleRoom:
    """What the decoded sounds of a process take together. Thread-safe."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._taken = 0
        self._guard = threading.RLock()  # an array may go while one is taken for

    def take(self, wanted: int) -> None:
        """Raises ServerBusy where the others leave no room for so many bytes more."""
        with self._guard:
            if self._taken + wanted > self._most:
                raise ServerBusy(
                    f"the sounds that wait to be heard take {self._taken / 2**30:.1f} GiB, decoded",
                    hint="send it again when others have been heard",
                )
            self._taken += wanted

    def leave(self, taken: list[int]) -> None:
        """taken: what was taken piece by piece."""
        with self._guard:
            self._taken -= sum(taken)


ROOM = SampleRoom()


class Gathering:
    """One growing array, so that a long sound is never in memory twice. It, and then its samples, have their room until
    they are gone.
    """

    def __init__(self, rate: int, most_seconds: float = LONGEST_SECONDS, room: SampleRoom = ROOM) -> None:
        """rate: of the samples that are added. Counts from now on how long decoding takes."""
        self._most = int(rate * most_seconds)
        self._most_seconds = most_seconds
        self._held: Samples = np.zeros(rate, np.float32)
        self._room = room
        self._taken: list[int] = []
        self._left = weakref.finalize(self, room.leave, self._taken)
        self._count = 0
        self._until = time.monotonic() + MOST_SECONDS

    @property
    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    def add(self, samples: Samples) -> None:
        """Raises InvalidMedia for more than is allowed, of sound or of time; ServerBusy as SampleRoom does."""
        count = self._count + len(samples)
        if count > self._most:
            raise InvalidMedia(
                f"the sound is longer than {_told(self._most_seconds)}", hint="cut it into pieces", param="file"
            )
        if self.seconds_left < 0:
            raise too_slow()
        if count > len(self._held):
            size = max(count, len(self._held) * 5 // 4)
            more = (size - len(self._held)) * SAMPLE_BYTES
            self._room.take(more)
            self._taken.append(more)
            self._held.resize(size, refcheck=False)
        self._held[self._count : count] = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self._count = count

    def samples(self) -> Samples:
        """Call it once: the room is the array's from now on."""
        self._held.resize(self._count, refcheck=False)
        self._left.detach()
        weakref.finalize(self._held, self._room.leave, self._taken)
        return self._held


def too_slow() -> InvalidMedia:
    return InvalidMedia(
        f"the sound takes more than {MOST_SECONDS:g} s to decode",
        hint="make it shorter, or send it as WAV",
        param="file",
    )


def _told(seconds: float) -> str:
    return f"{seconds / 3600:g} hours" if seconds >= 3600 else f"{seconds:g} s"
