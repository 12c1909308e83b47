"""docs/pictures.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from domain.inference import PictureFacts
from domain.inference import picture_limits as limits
from domain.inference.picture_table import PictureRow, picture_table
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
    ):
        assert figure in PAGE, figure


def test_every_part_is_on_the_page() -> None:
    assert all(f"| `{name}` |" in PAGE for name in URL_FIELDS)
