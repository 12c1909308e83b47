"""Which kinds of pictures are read, by which decoder."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from domain.errors import InvalidMedia
from domain.inference.picture_kinds import FORMATS, HEIF_BRANDS, other_kind

# Pillow's names of the decoders that may look at a file. Each is one more that may be attacked.
PLAIN = ("JPEG", "PNG", "GIF", "WEBP")
HEIF = "HEIF"


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
        raise InvalidMedia(other_kind(data), hint=f"send one of {FORMATS}") from fault


def _know_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as fault:
        raise InvalidMedia(
            "is a HEIC picture, and the library that reads those is missing",
            hint="pip install pillow-heif, or send it as JPEG",
        ) from fault
    register_heif_opener(thumbnails=False)
