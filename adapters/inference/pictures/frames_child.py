"""Run as a script, in a process of its own: a video on standard input, some of its frames on standard output.

What decodes videos can be made to crash, and to work for hours, by whoever made the file; here that ends one short
process. It imports nothing of ours, so that it starts quickly and from anywhere.

In: a line of JSON (Task), then the file. Out: a line of JSON, then the frames' bytes, uint8 [frames, height, width, 3],
RGB.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any, TypedDict

import numpy as np


class Task(TypedDict):
    """fps, least, most, factor: as in FrameRule. Limits: of a frame's side, of all the file's frames together, of those
    that are kept, and of this process's memory and work.
    """

    fps: float
    least: int
    most: int
    factor: int
    max_side: int
    max_pixels_read: int
    max_pixels_kept: int
    max_memory_bytes: int
    max_cpu_seconds: int


class Refused(Exception):
    """What is wrong with the file, and what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what, hint)


def main() -> None:
    task: Task = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CPU, (task["max_cpu_seconds"],) * 2)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (task["max_memory_bytes"],) * 2)
    try:
        header, frames = _decoded(data, task)
    except Refused as refusal:
        header, frames = {"refused": refusal.args}, b""
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n" + frames)


def chosen_frames(total: int, fps: float, task: Task, most: int) -> list[int]:
    """Evenly over the whole video; [] where it has too few."""
    factor = task["factor"]
    least = math.ceil(task["least"] / factor) * factor
    most = min(task["most"], most, total) // factor * factor
    count = int(min(max(total / fps * task["fps"], least), most)) // factor * factor
    return [int(at) for at in np.linspace(0, total - 1, count).round()] if count >= factor else []


def _decoded(data: bytes, task: Task) -> tuple[dict[str, object], bytes]:
    import cv2

    source: Any = BytesIO(data)
    capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, [])
    if not capture.isOpened():
        raise Refused("cannot be opened", "send the whole file, undamaged")
    told = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_COUNT
    width, height, total = (int(capture.get(what)) for what in told)
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    if min(width, height, total) < 1 or not math.isfinite(fps) or fps <= 0:
        raise Refused("does not tell its size and length", "convert it to MP4")
    if max(width, height) > task["max_side"] or total * width * height > task["max_pixels_read"]:
        raise Refused(
            f"is too much to look through: {total:,} frames of {width:,} x {height:,} pixels",
            "make it shorter or smaller",
        )
    indices = chosen_frames(total, fps, task, task["max_pixels_kept"] // (width * height))
    if not indices:
        raise Refused(f"has too few frames: {total:,}", "send a picture")
    frames = list(_frames(capture, set(indices), (height, width, 3)))
    frames = frames[: len(frames) // task["factor"] * task["factor"]]
    if not frames:
        raise Refused("has no frames that can be decoded", "send the whole file, undamaged")
    shape = len(frames), height, width, 3
    header = {"shape": shape, "indices": indices[: len(frames)], "total": total, "fps": fps}
    return header, np.stack(frames).tobytes()


def _frames(capture: Any, wanted: set[int], shape: tuple[int, int, int]) -> Iterator[np.ndarray[Any, Any]]:
    """Until the last one wanted, or one that cannot be decoded or is of another size."""
    import cv2

    for at in range(max(wanted) + 1):
        if not capture.grab():
            return
        if at in wanted:
            good, frame = capture.retrieve()
            if not good or frame.shape != shape:
                return
            yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


if __name__ == "__main__":
    main()
