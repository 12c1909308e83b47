"""Sounds of every kind, whole and broken, to samples."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import wave
from io import BytesIO
from pathlib import Path, PurePath

import numpy as np
import pytest

from adapters.inference.sound import decoding, gathering
from adapters.inference.sound.decoding import decoded
from domain.errors import DependencyMissing, InvalidMedia, MlxkError, ServerBusy
from domain.inference.sound import SoundBytes, SoundFile, SoundSamples
from tests.support.trained_whisper import SPEECH

RATE = 16_000
WAV, MP3, FLAC = (SPEECH / name for name in ("fox.wav", "station.mp3", "cat.flac"))
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def tone(seconds: float = 1.0, rate: int = RATE, channels: int = 1, hertz: float = 440.0) -> bytes:
    """A WAV; the channels behind the first are silent."""
    samples = np.zeros((int(seconds * rate), channels), "<i2")
    samples[:, 0] = np.sin(2 * np.pi * hertz * np.arange(len(samples)) / rate) * 16_000
    written = BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return written.getvalue()


def refused(data: bytes, name: str | None = None) -> InvalidMedia:
    with pytest.raises(InvalidMedia) as caught:
        decoded(SoundBytes(data, name), RATE)
    assert caught.value.param == "file"
    return caught.value


@pytest.mark.parametrize("path", [WAV, MP3, FLAC], ids=lambda path: path.suffix)
def test_bytes_and_files_are_decoded_as_the_same_whatever_their_name(path: Path, tmp_path: Path) -> None:
    misnamed = tmp_path / "notes [1].txt"
    misnamed.write_bytes(path.read_bytes())
    of_file, of_bytes = decoded(SoundFile(misnamed), RATE), decoded(SoundBytes(path.read_bytes(), "a.ogg"), RATE)
    assert np.array_equal(of_file.samples, of_bytes.samples)
    assert of_file.samples.dtype == np.float32 and 2 < len(of_file.samples) / RATE < 4
    assert of_file.warnings == ()


@needs_ffmpeg
@pytest.mark.parametrize("kind", ["ogg", "m4a", "webm", "caf", "aiff", "mka"])
def test_other_kinds_are_decoded_by_ffmpeg_from_bytes_and_from_files(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"clip.{kind}"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(WAV), str(path)], check=True)
    expected = decoded(SoundFile(WAV), RATE).samples
    found = decoded(SoundFile(path), RATE).samples
    assert len(found) == pytest.approx(len(expected), rel=0.03)
    assert np.array_equal(found, decoded(SoundBytes(path.read_bytes(), "clip.wav"), RATE).samples)


def test_without_ffmpeg_what_needs_it_is_said_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DependencyMissing, match="Ogg files are decoded by ffmpeg") as caught:
        decoded(SoundBytes(b"OggS" + bytes(60)), RATE)
    assert "brew install ffmpeg" in (caught.value.hint or "")
    assert len(decoded(SoundFile(MP3), RATE).samples) > RATE
    assert "cannot be decoded" in refused(b"fLaC" + bytes(60)).message


@pytest.mark.parametrize(("path", "kept"), [(WAV, 0.5), (MP3, 0.5), (FLAC, 0.5)], ids=["wav", "mp3", "flac"])
def test_what_is_cut_off_is_heard_as_far_as_it_goes_with_a_warning(path: Path, kept: float) -> None:
    data = path.read_bytes()
    whole, half = decoded(SoundBytes(data), RATE), decoded(SoundBytes(data[: int(len(data) * kept)]), RATE)
    assert 0.2 < len(half.samples) / len(whole.samples) < 0.8
    if path != MP3:  # this one has no header that tells how long it is
        (warning,) = half.warnings
        assert "is cut off" in warning and f"{len(half.samples) / RATE:.2f} s" in warning
    assert whole.warnings == ()


def test_a_wav_that_was_written_as_it_came_is_no_cut_off_one() -> None:
    data = bytearray(tone())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    found = decoded(SoundBytes(bytes(data)), RATE)
    assert len(found.samples) == RATE and found.warnings == ()


@pytest.mark.parametrize("data", [tone()[:44], tone()[:45], FLAC.read_bytes()[:60], b"RIFF\0\0\0\0WAVE"])
def test_a_header_without_a_sound_is_no_sound(data: bytes) -> None:
    assert refused(data).hint == "send the whole file, undamaged"


@pytest.mark.parametrize(
    ("data", "what"),
    [(b"", "empty"), (b"hello there", "text"), (b"\x89PNG\r\n\x1a\n", "PNG"), (b"PK\x03\x04", "ZIP"), (bytes(999), "")],
)
def test_what_is_no_sound_is_told_by_name(data: bytes, what: str) -> None:
    fault = refused(data, "song.wav")
    assert fault.message.startswith("this is no sound: it is") and what in fault.message


@needs_ffmpeg
def test_a_list_of_other_files_is_never_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(tone())
    for text in (f"#EXTM3U\nfile://{secret}", f"ffconcat version 1.0\nfile '{secret}'"):
        refused(text.encode(), "song.mp3")
        refused(b"OggS" + text.encode())


def test_a_file_that_is_not_there_and_a_folder_are_told_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "absent.wav", tmp_path, tmp_path / "pipe"):
        with pytest.raises(InvalidMedia, match=str(path)):
            decoded(SoundFile(PurePath(path)), RATE)


def test_tags_before_an_mp3_are_passed_over() -> None:
    data = MP3.read_bytes()
    tag = b"ID3\x04\0\0\0\0\x10\0" + bytes(2048)
    tagged, plain = (len(decoded(SoundBytes(each), RATE).samples) for each in (tag + data, data))
    assert tagged == pytest.approx(plain, abs=0.2 * RATE)
    assert "PNG" in refused(tag + b"\x89PNG\r\n\x1a\n").message


def test_channels_become_their_mean() -> None:
    one, two = decoded(SoundBytes(tone()), RATE).samples, decoded(SoundBytes(tone(channels=2)), RATE).samples
    assert np.abs(one / 2 - two).max() < 1e-4


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_every_rate_becomes_the_models_without_anything_audible(rate: int) -> None:
    samples = decoded(SoundBytes(tone(rate=rate)), RATE).samples
    expected = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * 16_000 / 32_768
    assert len(samples) == RATE
    middle = slice(1000, -1000)
    assert np.sqrt(np.mean((samples - expected)[middle] ** 2)) < 2e-4


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    high = decoded(SoundBytes(tone(rate=48_000, hertz=10_000)), RATE).samples
    assert np.abs(high[1000:-1000]).max() < 1e-3


def test_samples_of_an_open_line_need_no_header() -> None:
    data = (np.ones(8_000) * 8192).astype("<i2").tobytes()
    assert np.allclose(decoded(SoundSamples(data, 8_000), 8_000).samples, 0.25)
    assert len(decoded(SoundSamples(data, 8_000), RATE).samples) == 2 * RATE // 2
    with pytest.raises(InvalidMedia, match="empty"):
        decoded(SoundSamples(b"", 8_000), RATE)


def test_numbers_that_are_none_become_silence() -> None:
    samples = struct.pack("<4f", float("nan"), float("inf"), 0.5, -0.5)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 52, b"WAVE", b"fmt ", 16, 3, 1, RATE, RATE * 4, 4, 32, b"data", 16
    )
    assert decoded(SoundBytes(head + samples), RATE).samples.tolist() == [0.0, 0.0, 0.5, -0.5]


def test_a_sound_that_is_too_long_or_too_slow_is_refused_by_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    held = gathering.Gathering(10, most_seconds=2)
    held.add(np.zeros(20, np.float32))
    with pytest.raises(InvalidMedia, match="longer than 2 s"):
        held.add(np.zeros(1, np.float32))
    monkeypatch.setattr(gathering, "MOST_SECONDS", -1.0)
    assert "to decode" in refused(tone()).message


def test_mutated_files_are_decoded_or_refused_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # what our process does not decode ends here
    chance = random.Random(5)  # noqa: S311 - no secret hangs on it
    sources = [tone(0.2), MP3.read_bytes()[:6000], FLAC.read_bytes()[:6000]]
    outcomes = set()
    for _ in range(300):
        data = bytearray(chance.choice(sources))
        for _ in range(chance.choice((1, 2, 8, 32))):
            at = chance.randrange(min(len(data), chance.choice((64, 512, 6000))))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(1, 4))
        try:
            outcomes.add(type(decoded(SoundBytes(bytes(data)), RATE)).__name__)
        except MlxkError as fault:
            outcomes.add(type(fault).__name__)
    assert outcomes >= {"Decoded", "InvalidMedia"}


def test_decoding_needs_no_mlx() -> None:
    assert not any(name.startswith("mlx") for name in vars(decoding))


def test_sounds_that_wait_decoded_leave_room_for_no_more_until_they_are_gone() -> None:
    room = gathering.SampleRoom(most_bytes=4 * 30)
    held = gathering.Gathering(10, room=room)
    held.add(np.ones(35, np.float32))
    samples = held.samples()
    del held
    with pytest.raises(ServerBusy, match="sounds that wait"):
        gathering.Gathering(10, room=room).add(np.ones(35, np.float32))
    del samples
    gathering.Gathering(10, room=room).add(np.ones(35, np.float32))


def test_who_speaks_does_not_wait_for_files_that_take_all_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering.ROOM, "_most", 0)
    with pytest.raises(ServerBusy):
        decoded(SoundBytes(tone(2)), RATE)
    assert len(decoded(SoundSamples(b"\1\0" * 2 * RATE, RATE), RATE).samples) == 2 * RATE
