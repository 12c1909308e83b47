"""Files of pictures, made for a test."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from PIL import Image

GPS_FOLDER, EXIF_FOLDER = 0x8825, 0x8769


def drawn(
    kind: str = "PNG",
    size: tuple[int, int] = (8, 6),
    colour: object = (200, 30, 30),
    mode: str = "RGB",
    exif: Image.Exif | None = None,
) -> bytes:
    """A picture of one colour as a file."""
    return saved(Image.new(mode, size, colour), kind, exif)  # type: ignore[arg-type]


def saved(image: Image.Image, kind: str = "PNG", exif: Image.Exif | None = None) -> bytes:
    buffer = BytesIO()
    options: dict[str, Any] = {} if exif is None else {"exif": exif}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tags(
    main: Mapping[int, object] | None = None,
    details: Mapping[int, object] | None = None,
    place: Mapping[int, object] | None = None,
) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in (main or {}).items():
        exif[tag] = value
    if details:
        exif[EXIF_FOLDER] = dict(details)
    if place:
        exif[GPS_FOLDER] = dict(place)
    return exif


def png_of(width: int, height: int, pixels: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG whose header says what it likes. pixels: before compression. extra: chunks in front of them."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(pixels)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
