"""Samples to the bytes of a file, piece by piece."""

from __future__ import annotations

import io
import struct
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import soundfile

from adapters.inference.sound.resampling import Resampler, Samples
from domain.inference.sound import SAMPLE_BYTES, SoundFormat

PCM_RATE = 24_000  # what OpenAI's pcm has: nothing in the bytes says it
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)  # MPEG audio has no others
MP3_LEVEL = 0.5  # of compression: 80 kbit/s at 24 kHz, 176 at 32 kHz
FULL_SCALE = 32_767
UNKNOWN_BYTES = 0xFFFF_FFFF  # in the header of a WAV that is heard while it is made

Ints = npt.NDArray[np.int16]


class Encoder(Protocol):
    """rate: samples a second of the file. seconds: of sound so far. One thread."""

    rate: int
    seconds: float

    def push(self, samples: Samples) -> bytes:
        """Samples from -1 to 1, at the model's rate; bytes that are ready, maybe none."""

    def rest(self) -> bytes:
        """The end. Nothing is pushed after it."""


class FileEncoder:
    """Encoder: resamples where it must, rounds to 16 bits and leaves the file to `_file`."""

    def __init__(self, file: _File, rate: int) -> None:
        """rate: of the samples that come."""
        self.rate = file.rate
        self.seconds = 0.0
        self._file = file
        self._resampler = Resampler(rate, file.rate, enough=1)

    def push(self, samples: Samples) -> bytes:
        return self._written(self._resampler.push(samples))

    def rest(self) -> bytes:
        return self._written(self._resampler.rest()) + self._file.end()

    def _written(self, samples: Samples) -> bytes:
        self.seconds += len(samples) / self.rate
        ints = np.rint(np.clip(samples, -1.0, 1.0) * FULL_SCALE).astype("<i2")
        return self._file.write(ints) if len(ints) else b""


def encoder_for(kind: SoundFormat, rate: int, *, streamed: bool) -> Encoder:
    """rate: of the samples that come. streamed: what is ready is given out at once; else a file's bytes wait for the
    end, where its header can say how long it is.
    """
    match kind:
        case SoundFormat.PCM:
            file: _File = _Pcm(PCM_RATE)
        case SoundFormat.WAV:
            file = _StreamedWav(rate) if streamed else _WholeWav(rate)
        case SoundFormat.FLAC:
            file = _Written(rate, "FLAC", {"subtype": "PCM_16"}, streamed=streamed)
        case SoundFormat.MP3:
            made = next((each for each in MP3_RATES if each >= rate), MP3_RATES[-1])
            options = {"subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": MP3_LEVEL}
            file = _Written(made, "MP3", options, streamed=streamed)
    return FileEncoder(file, rate)


class _File(Protocol):
    rate: int

    def write(self, ints: Ints) -> bytes: ...

    def end(self) -> bytes: ...


class _Pcm:
    def __init__(self, rate: int) -> None:
        self.rate = rate

    def write(self, ints: Ints) -> bytes:
        return ints.tobytes()

    def end(self) -> bytes:
        return b""


class _StreamedWav(_Pcm):
    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self._begun = False

    def write(self, ints: Ints) -> bytes:
        begun, self._begun = self._begun, True
        return ints.tobytes() if begun else wav_header(self.rate, None) + ints.tobytes()

    def end(self) -> bytes:
        return b"" if self._begun else wav_header(self.rate, 0)


class _WholeWav(_Pcm):
    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self._held = bytearray()

    def write(self, ints: Ints) -> bytes:
        self._held += ints.tobytes()
        return b""

    def end(self) -> bytes:
        return wav_header(self.rate, len(self._held)) + bytes(self._held)


class _Written:
    """A file of libsndfile's. Streamed, what it wants to write anew at the end, its header, has been given out."""

    def __init__(self, rate: int, kind: str, options: dict[str, object], *, streamed: bool) -> None:
        self.rate = rate
        self._streamed = streamed
        self._sink = _Sink()
        self._file = soundfile.SoundFile(self._sink, "w", samplerate=rate, channels=1, format=kind, **options)

    def write(self, ints: Ints) -> bytes:
        self._file.write(ints)
        return self._sink.taken() if self._streamed else b""

    def end(self) -> bytes:
        self._file.close()
        return self._sink.taken()


class _Sink(io.RawIOBase):
    """Holds what is written and not yet taken."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()
        self._from = 0  # bytes before it have been taken
        self._at = 0

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._from + len(self._held)}[whence]
        self._at = base + offset
        return self._at

    def write(self, data: Any) -> int:
        new = bytes(data)
        gone = max(0, self._from - self._at)
        at = self._at + min(gone, len(new)) - self._from
        if gone < len(new):
            self._held[at : at + len(new) - gone] = new[gone:]
        self._at += len(new)
        return len(new)

    def taken(self) -> bytes:
        data, self._from = bytes(self._held), self._from + len(self._held)
        self._held.clear()
        return data


def wav_header(rate: int, data_bytes: int | None) -> bytes:
    """Of 16-bit samples of one channel. data_bytes: None where nobody knows yet."""
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, SAMPLE_BYTES * 8)
    riff, data = (UNKNOWN_BYTES, UNKNOWN_BYTES) if data_bytes is None else (36 + data_bytes, data_bytes)
    return (
        b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
        + b"data" + struct.pack("<I", data)
    )  # fmt: skip
