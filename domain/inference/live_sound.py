"""A line of sound that is open: its format, and what of it is still wanted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidRequest
from domain.inference.sound import SAMPLE_BYTES
from domain.inference.telephony import A_LAW, MU_LAW, TELEPHONE_RATE, expanded

LINE_RATES = (8_000, 16_000, 24_000, 48_000)


class SoundCoding(StrEnum):
    """PCM: 16-bit samples, least significant byte first. The others: G.711. One channel each."""

    PCM = "audio/pcm"
    MU_LAW = "audio/pcmu"
    A_LAW = "audio/pcma"


@dataclass(frozen=True, slots=True)
class LineFormat:
    """rate: samples a second. Raises InvalidRequest for one that a line cannot have."""

    coding: SoundCoding = SoundCoding.PCM
    rate: int = 24_000

    def __post_init__(self) -> None:
        rates = LINE_RATES if self.coding is SoundCoding.PCM else (TELEPHONE_RATE,)
        if self.rate not in rates:
            raise InvalidRequest(
                f"{self.coding.value} comes with {', '.join(map(str, rates))} samples a second, got {self.rate}",
                param="rate",
            )


class LineReader:
    """Bytes as they come into 16-bit samples; half a sample waits for its other half. One thread."""

    def __init__(self, format: LineFormat) -> None:
        self._table = {SoundCoding.MU_LAW: MU_LAW, SoundCoding.A_LAW: A_LAW}.get(format.coding)
        self._half = b""

    def read(self, data: bytes) -> bytes:
        if self._table is not None:
            return expanded(data, self._table)
        data = self._half + data
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._half = data[whole:]
        return data[:whole]


class LineBuffer:
    """The samples that may still be wanted; they are numbered from the line's first. One thread."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._first = 0

    @property
    def end(self) -> int:
        """How many samples have come."""
        return self._first + len(self._held) // SAMPLE_BYTES

    @property
    def first(self) -> int:
        """The first one that is still here."""
        return self._first

    def add(self, samples: bytes) -> None:
        self._held += samples

    def part(self, start: int, end: int) -> bytes:
        """What is here of them."""
        return bytes(self._held[self._at(start) : self._at(end)])

    def forget(self, before: int) -> None:
        """Those that come before; at most all that are here."""
        gone = min(self._at(before), len(self._held))
        del self._held[:gone]
        self._first += gone // SAMPLE_BYTES

    def _at(self, sample: int) -> int:
        return max(0, sample - self._first) * SAMPLE_BYTES
