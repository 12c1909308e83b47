"""Which kinds of pictures are read, and what others are called."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from domain.errors import InvalidMedia

# Pillow's names of the decoders that may look at a file. Each is one more that may be attacked.
PLAIN = ("JPEG", "PNG", "GIF", "WEBP")
HEIF = "HEIF"
READ = "JPEG, PNG, GIF, WebP and HEIC"
HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
NOT_READ = (
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
MARKUP = ((b"<svg", "an SVG drawing"), (b"<html", "an HTML page"), (b"<!doctype html", "an HTML page"))
LOOKED_AT_BYTES = 1024


def open_picture(data: bytes) -> Image.Image:
    """The picture's header read, its pixels not yet. The content alone says of what kind it is.

    Raises InvalidMedia for what is no picture of a kind that is read, and whatever the decoder raises for a broken one.
    """
    heif = data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS
    try:
        if heif:
            _know_heif()
        return Image.open(BytesIO(data), formats=(HEIF,) if heif else PLAIN)
    except UnidentifiedImageError as fault:
        raise InvalidMedia(_what_else(data), hint=f"send one of {READ}") from fault


def _know_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as fault:
        raise InvalidMedia(
            "is a HEIC picture, and the library that reads those is missing",
            hint="pip install pillow-heif, or send it as JPEG",
        ) from fault
    register_heif_opener(thumbnails=False)


def _what_else(data: bytes) -> str:
    start = data[:LOOKED_AT_BYTES]
    for mark, name in NOT_READ:
        if start.startswith(mark):
            return f"is {name}"
    if start[4:8] == b"ftyp":
        brand = start[8:12].decode("ascii", errors="replace").strip()
        return "is an AVIF picture" if brand in ("avif", "avis") else f"is a video or sound file ({brand})"
    text = start.lower()
    for mark, name in MARKUP:
        if mark in text:
            return f"is {name}"
    return "is no picture, or a broken one"
