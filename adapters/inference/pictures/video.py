"""The file of a video to some of its frames, decoded by a process of its own (frames_child)."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adapters.inference.pictures import frames_child
from adapters.inference.pictures.reading import Place
from domain.errors import InvalidMedia
from domain.inference.picture_kinds import HEIF_BRANDS

MAX_SIDE = 4_096
MAX_PIXELS_READ = 6_000_000_000
MAX_PIXELS_KEPT = 200_000_000
MAX_FRAMES = 128
MAX_SECONDS = 30.0  # during which no other request is prepared
MAX_CPU_SECONDS = 240  # of all its threads; it ends by itself where nobody is left to end it
MAX_MEMORY_BYTES = 6 * 2**30
STILL_BRANDS = HEIF_BRANDS | {b"avif", b"avis"}
MATROSKA = b"\x1a\x45\xdf\xa3"
# Isolated: no variable, no folder of the user's and none of the caller's says what is imported.
CHILD = (sys.executable, "-I", str(Path(frames_child.__file__)))
QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}


@dataclass(frozen=True, slots=True)
class FrameRule:
    """How a model wants its videos: frames a second, how many at least and at most, and a number that theirs must be a
    multiple of.
    """

    fps: float = 2.0
    least: int = 4
    most: int = 768
    factor: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """frames: uint8 [frames, 3, height, width], RGB. indices: which of the file's `total` frames they are. fps: the
    file's own.
    """

    frames: np.ndarray[Any, Any]
    indices: tuple[int, ...]
    total: int
    fps: float


def read_video(data: bytes, place: Place, rule: FrameRule) -> Video:
    """MP4, MOV, WebM and Matroska only: other kinds may name files and addresses to be opened.

    Raises InvalidMedia for what is none of these, is broken, or is too much to decode: by what the file says of itself,
    before a frame is, and else by the clock.
    """
    if not (data.startswith(MATROSKA) or (data[4:8] == b"ftyp" and data[8:12] not in STILL_BRANDS)):
        raise _refused(place, "is no MP4, MOV, WebM or Matroska video", "convert it")
    try:
        done = subprocess.run(
            CHILD, input=_task(rule) + data, capture_output=True, env=QUIET, timeout=MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as fault:
        raise _refused(place, f"takes more than {MAX_SECONDS:g} s to decode", "make it shorter or smaller") from fault
    line, _, frames = done.stdout.partition(b"\n")
    if done.returncode != 0 or not line:
        raise _refused(place, "cannot be decoded", "send the whole file, undamaged")
    told = json.loads(line)
    if "refused" in told:
        raise _refused(place, *told["refused"])
    pixels = np.frombuffer(frames, np.uint8).reshape(told["shape"]).transpose(0, 3, 1, 2)
    return Video(pixels, tuple(told["indices"]), told["total"], told["fps"])


def _task(rule: FrameRule) -> bytes:
    task: frames_child.Task = {
        "fps": rule.fps,
        "least": rule.least,
        "most": min(rule.most, MAX_FRAMES),
        "factor": rule.factor,
        "max_side": MAX_SIDE,
        "max_pixels_read": MAX_PIXELS_READ,
        "max_pixels_kept": MAX_PIXELS_KEPT,
        "max_memory_bytes": MAX_MEMORY_BYTES,
        "max_cpu_seconds": MAX_CPU_SECONDS,
    }
    return json.dumps(task).encode() + b"\n"


def _refused(place: Place, what: str, hint: str) -> InvalidMedia:
    return InvalidMedia(f"{place} {what}", hint=hint, param=place.param)
