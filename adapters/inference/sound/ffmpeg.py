"""Everything that miniaudio does not decode, by the ffmpeg program in a child process."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from typing import IO, cast

import numpy as np

from adapters.inference.sound.gathering import MOST_HOURS, MOST_SECONDS, Gathering, too_slow
from adapters.inference.sound.resampling import Samples
from adapters.inference.sound.source import Source
from domain.errors import DependencyMissing, InvalidMedia
from domain.inference.sound_kinds import SoundKind

# The kind is known, and no other reader is tried: some would open files and addresses that are named inside.
DEMUXERS = {
    SoundKind.WAV: "wav", SoundKind.MP3: "mp3", SoundKind.FLAC: "flac", SoundKind.OGG: "ogg", SoundKind.MP4: "mov",
    SoundKind.MATROSKA: "matroska", SoundKind.CAF: "caf", SoundKind.AIFF: "aiff", SoundKind.AMR: "amr",
    SoundKind.AAC: "aac", SoundKind.MPEG: "mp3", SoundKind.ASF: "asf", SoundKind.AU: "au",
}  # fmt: skip
PIECE_BYTES = 1 << 18
SAMPLE_BYTES = 4
COMPLAINT_CHARACTERS = 200
PLACES = re.compile(r"^\[[^\]]* @ 0x[0-9a-f]+\] |^file:\S*: ")  # which reader at which address says it, of which file
INSTALL = "install ffmpeg (macOS: brew install ffmpeg; Debian, Ubuntu: apt install ffmpeg), or send WAV, MP3 or FLAC"


def decode_by_ffmpeg(source: Source, kind: SoundKind, rate: int) -> tuple[Samples, tuple[str, ...]]:
    """As decode_plain. Raises DependencyMissing where there is no ffmpeg, InvalidMedia for what it cannot decode."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise DependencyMissing(
            f"{kind} files are decoded by ffmpeg, which is not installed", hint=INSTALL, param="file"
        )
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as complaints:
        if source.data is not None:
            given.write(source.data)
            given.seek(0)
        name = "/dev/stdin" if source.path is None else str(source.path)
        child = subprocess.Popen(
            _command(program, DEMUXERS[kind], name, rate),
            stdin=given, stdout=subprocess.PIPE, stderr=complaints, env={"LC_ALL": "C"},
        )  # fmt: skip
        gathering = Gathering(rate)
        timer = threading.Timer(MOST_SECONDS, child.kill)
        timer.daemon = True
        timer.start()
        stream = cast("IO[bytes]", child.stdout)
        try:
            _gather(stream, gathering)
        finally:
            timer.cancel()
            child.kill()
            child.wait()
            stream.close()
        if gathering.seconds_left <= 0:
            raise too_slow()
        return _judged(gathering.samples(), kind, complaints)


def _command(program: str, demuxer: str, name: str, rate: int) -> list[str]:
    """It ends by itself where nobody reads what it writes, and by the CPU's clock."""
    return [
        program, "-hide_banner", "-nostdin", "-v", "error", "-timelimit", str(int(2 * MOST_SECONDS)),
        "-protocol_whitelist", "file", "-f", demuxer, "-i", f"file:{name}",
        "-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1", "-threads", "1",
        "-t", str(MOST_HOURS * 3600 + 1), "-ac", "1", "-ar", str(rate), "-f", "f32le", "pipe:1",
    ]  # fmt: skip


def _gather(stream: IO[bytes], gathering: Gathering) -> None:
    left = b""
    while data := stream.read(PIECE_BYTES):
        data = left + data
        whole = len(data) // SAMPLE_BYTES * SAMPLE_BYTES
        gathering.add(np.frombuffer(data[:whole], "<f4"))
        left = data[whole:]


def _judged(samples: Samples, kind: SoundKind, complaints: IO[bytes]) -> tuple[Samples, tuple[str, ...]]:
    complaints.seek(0)
    lines = complaints.read(1 << 16).decode(errors="replace").splitlines()
    told = [PLACES.sub("", line).strip() for line in lines]
    first = next((line for line in told if line), "")[:COMPLAINT_CHARACTERS]
    if len(samples):
        return samples, (f"the {kind} file is damaged: {first}",) if first else ()
    why = "it has no sound in it" if "matches no streams" in "".join(lines) or not first else first
    raise InvalidMedia(f"the {kind} file cannot be decoded: {why}", hint="send the whole file, undamaged", param="file")
