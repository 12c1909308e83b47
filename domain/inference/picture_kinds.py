"""What a file is by its first bytes: a picture of a kind that is read, or what else."""

from __future__ import annotations

FORMATS = "JPEG, PNG, GIF, WebP, HEIC"
LOOKED_AT_BYTES = 1024

_BEGINNINGS = ((b"\xff\xd8\xff", "jpeg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"GIF87a", "gif"), (b"GIF89a", "gif"))
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_NOT_READ = (
    (b"%PDF", "a PDF document"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "a Photoshop document"),
    (b"BM", "a BMP file"),
    (b"II*\x00", "a TIFF file"),
    (b"MM\x00*", "a TIFF file"),
    (b"\x00\x00\x01\x00", "an icon file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
)
_MARKUP = ((b"<svg", "an SVG drawing"), (b"<html", "an HTML page"), (b"<!doctype html", "an HTML page"))


def picture_format(data: bytes) -> str | None:
    """jpeg, png, gif, webp or heic, as in `image/png`; None for what is none of these. The bytes may be cut short."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "heic" if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS else None


def other_kind(data: bytes) -> str:
    """What a file that is no picture of these is, as `is a PDF document`."""
    start = data[:LOOKED_AT_BYTES]
    if not start:
        return "is empty"
    for mark, name in _NOT_READ:
        if start.startswith(mark):
            return f"is {name}"
    if start[4:8] == b"ftyp":
        brand = start[8:12].decode("ascii", errors="replace").strip()
        return "is an AVIF picture" if brand in ("avif", "avis") else f"is a video or sound file ({brand})"
    text = start.lower()
    for mark, name in _MARKUP:
        if mark in text:
            return f"is {name}"
    return "is no picture, or a broken one"
