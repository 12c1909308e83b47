"""The file of a video to some of its frames. OpenCV is imported by who needs it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from adapters.inference.pictures.kinds import HEIF_BRANDS
from adapters.inference.pictures.reading import Place
from domain.errors import InvalidMedia

MAX_SIDE = 4_096
MAX_PIXELS_READ = 6_000_000_000  # seconds of decoding, during which no other request is prepared
MAX_PIXELS_KEPT = 200_000_000
MAX_FRAMES = 128
STILL_BRANDS = HEIF_BRANDS | {b"avif", b"avis"}
MATROSKA = b"\x1a\x45\xdf\xa3"


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
    """Decodes in memory, MP4, MOV, WebM and Matroska only: other kinds may name files and addresses to be opened.

    Raises InvalidMedia for what is none of these, is broken, or is too much to decode: judged by what the file says of
    itself, before a frame is.
    """
    if not _may_be_opened(data):
        raise _refused(place, "is no MP4, MOV, WebM or Matroska video", "convert it")
    import cv2

    source: Any = BytesIO(data)
    try:
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [])
    except cv2.error as fault:
        raise _refused(place, "cannot be opened", "send the whole file, undamaged") from fault
    try:
        if not capture.isOpened():
            raise _refused(place, "cannot be opened", "send the whole file, undamaged")
        return _read(capture, place, rule)
    finally:
        capture.release()


def chosen_frames(total: int, fps: float, rule: FrameRule, most: int) -> list[int]:
    """Evenly over the whole video; [] where it has too few."""
    least = math.ceil(rule.least / rule.factor) * rule.factor
    most = min(rule.most, most, total) // rule.factor * rule.factor
    count = int(min(max(total / fps * rule.fps, least), most)) // rule.factor * rule.factor
    if count < rule.factor:
        return []
    return [int(at) for at in np.linspace(0, total - 1, count).round()]


def _read(capture: Any, place: Place, rule: FrameRule) -> Video:
    import cv2

    width, height, total = (
        int(capture.get(what))
        for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_COUNT)
    )
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    if min(width, height, total) < 1 or not math.isfinite(fps) or fps <= 0:
        raise _refused(place, "does not tell its size and length", "convert it to MP4")
    if max(width, height) > MAX_SIDE or total * width * height > MAX_PIXELS_READ:
        raise _refused(
            place,
            f"is too much to look through: {total:,} frames of {width:,} x {height:,} pixels",
            "make it shorter or smaller",
        )
    indices = chosen_frames(total, fps, rule, min(MAX_FRAMES, MAX_PIXELS_KEPT // (width * height)))
    if not indices:
        raise _refused(place, f"has too few frames: {total}", "send a picture")
    frames = list(_frames(capture, set(indices), (height, width, 3)))
    frames = frames[: len(frames) // rule.factor * rule.factor]
    if not frames:
        raise _refused(place, "has no frames that can be decoded", "send the whole file, undamaged")
    return Video(np.stack(frames).transpose(0, 3, 1, 2), tuple(indices[: len(frames)]), total, fps)


def _frames(capture: Any, wanted: set[int], shape: tuple[int, int, int]) -> Iterator[np.ndarray[Any, Any]]:
    """RGB, until the last one wanted, or one that cannot be decoded or is of another size."""
    import cv2

    for at in range(max(wanted) + 1):
        if not capture.grab():
            return
        if at in wanted:
            good, frame = capture.retrieve()
            if not good or frame.shape != shape:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def _may_be_opened(data: bytes) -> bool:
    return data.startswith(MATROSKA) or (data[4:8] == b"ftyp" and data[8:12] not in STILL_BRANDS)


def _refused(place: Place, what: str, hint: str) -> InvalidMedia:
    return InvalidMedia(f"{place} {what}", hint=hint, param=place.param)
