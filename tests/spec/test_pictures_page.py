"""docs/pictures.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from adapters.inference.pictures import reading, video
from adapters.inference.pictures.exif import CAMERA_CHARACTERS
from adapters.inference.vision.showing import MOST_PIXELS_TOGETHER
from domain.inference import PictureFacts
from domain.inference import picture_limits as limits
from domain.inference.picture_table import PictureRow, picture_table
from domain.inference.picture_words import picture_lines
from entrypoints.http.limits import MEBIBYTE, HttpLimits
from entrypoints.http.media_room import PATIENCE_SECONDS
from entrypoints.http.schemas.content import URL_FIELDS

PAGE = (Path(__file__).resolve().parents[2] / "docs/pictures.md").read_text(encoding="utf-8")


def test_the_table_on_the_page_is_one_that_is_made() -> None:
    one, two = "1a2b3c4d" + "0" * 56, "99aa00bb" + "0" * 56
    place = {"latitude": 52.52, "longitude": 13.405, "taken": "2024-05-06T07:08:09", "camera": "Acme X1"}
    table = picture_table([
        PictureRow(1, one, PictureFacts(one, "JPEG", 1, 1, **place)),  # type: ignore[arg-type]
        PictureRow(2, two, PictureFacts(two, "PNG", 1, 1)),
    ])  # fmt: skip
    assert re.findall(r"```html\n(.*?)\n```", PAGE, re.DOTALL) == [table.rstrip("\n")]


def test_the_figures_on_the_page_are_those_in_force() -> None:
    http = HttpLimits()
    for figure in (
        f"| one picture | {limits.MOST_PICTURE_BYTES // 1_000_000} MB |",
        f"{limits.MOST_TOGETHER_BYTES // 1_000_000} MB, and {limits.MOST_PICTURES} of them",
        f"{http.chat_body_bytes // MEBIBYTE} MiB without its pictures",
        f"{http.picture_body_bytes // MEBIBYTE} MiB with them",
        f"{http.media_bytes // (1024 * MEBIBYTE)} GiB for pictures",
        f"waits up to {PATIENCE_SECONDS:.0f} seconds",
        f"from 1 to {limits.MOST_PICTURES}",
        f"at most {limits.MOST_PIXELS:,}, {limits.MOST_SIDE:,} a side, {reading.MAX_RATIO} times as long as wide; "
        f"{MOST_PIXELS_TOGETHER:,} in a request",
        f"{CAMERA_CHARACTERS} characters",
        f"at most {video.MAX_FRAMES}, evenly",
        f"takes more than {video.MAX_SECONDS:.0f} seconds",
        f"more than {video.MAX_SIDE:,} pixels a side",
        f"than {video.MAX_PIXELS_READ:,} over all its frames",
    ):
        assert figure in PAGE, figure


def test_the_lines_that_a_model_reads_are_on_the_page() -> None:
    facts = PictureFacts("", "JPEG", 1, 1, -33.8568, 151.2153, "2024-05-06T07:08:09", "Canon EOS R5")
    assert f"```text\n{picture_lines(2, facts, several=True)}```" in PAGE


def test_every_part_is_on_the_page() -> None:
    assert all(f"| `{name}` |" in PAGE for name in URL_FIELDS)
