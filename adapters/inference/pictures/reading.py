"""The file of a picture to upright pixels without transparency, and what the file tells."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from adapters.inference.pictures.exif import EXIF_IFD, GPS_IFD, Exif, read_exif
from adapters.inference.pictures.kinds import open_picture
from domain.catalog.printable import printable
from domain.errors import InvalidMedia
from domain.inference import PictureFacts
from domain.inference.picture_limits import MOST_PIXELS as MAX_PIXELS
from domain.inference.picture_limits import MOST_SIDE as MAX_SIDE

MAX_RATIO = 200
MAX_SCANS = 200
LONGEST_NAME = 80
START_OF_SCAN = b"\xff\xda"
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WIDE_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
NAMES = {"MPO": "JPEG"}
# What Pillow's decoders raise for files that are not as they should be.
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, ZeroDivisionError),
    *(struct.error, zlib.error, AttributeError, RuntimeError),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Of a picture, or a video, in a request. turn: from 0. number: of the turn's pictures, from 1. name: its file's,
    where it has one.
    """

    turn: int
    number: int
    what: str = "picture"
    name: str | None = None

    @property
    def param(self) -> str:
        return f"messages.{self.turn}.content"

    def __str__(self) -> str:
        named = f" ({printable(self.name[:LONGEST_NAME])})" if self.name else ""
        return f"{self.param}: {self.what} {self.number}{named}"


@dataclass(frozen=True, slots=True)
class Picture:
    """pixels: RGB, as the picture is meant to be seen."""

    pixels: Image.Image
    facts: PictureFacts


def read_picture(data: bytes, digest: str, place: Place, exif: bool = True) -> Picture:
    """Decodes the first frame, once, in memory. place: for errors. exif: read what the file tells.

    Raises InvalidMedia for what is no picture, is broken or cut off, or has more pixels than are decoded. Sizes are
    judged by the header, before any pixel is.
    """
    if not data:
        raise _refused(place, "is empty", "send the file's bytes")
    with _bombs_are_errors(), _named(place):
        image = open_picture(data)
        _refuse_sizes(image.size)
        _refuse_scans(data, image)
        image.load()  # before its tags: those of a PNG are sought behind the pixels, and broken tags are forgiven
        main = _tags(image)
        told = _told(main) if exif else Exif()
        pixels = _upright(_opaque(image), main)
    kind = NAMES.get(image.format or "", image.format or "")
    width, height = pixels.size
    facts = PictureFacts(digest, kind, width, height, told.latitude, told.longitude, told.taken, told.camera)
    return Picture(pixels, facts)


@contextmanager
def _named(place: Place) -> Iterator[None]:
    try:
        yield
    except InvalidMedia as refusal:
        raise _refused(place, refusal.message, refusal.hint) from refusal
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise _refused(place, f"has more than {MAX_PIXELS:,} pixels", "send it smaller") from fault
    except BROKEN as fault:
        words = " ".join(str(fault).split())[:120] or type(fault).__name__
        raise _refused(place, f"cannot be decoded: {words}", "send the whole file, undamaged") from fault


@contextmanager
def _bombs_are_errors() -> Iterator[None]:
    """Where Pillow only warns of a bomb. What else it warns of is not for anybody's eyes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _refused(place: Place, what: str, hint: str | None) -> InvalidMedia:
    return InvalidMedia(f"{place} {what}", hint=hint, param=place.param)


def _refuse_sizes(size: tuple[int, int]) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise InvalidMedia(f"has no pixels: {width} x {height}", hint="send one that has some")
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise InvalidMedia(
            f"is too large: {width:,} x {height:,} pixels; at most {MAX_PIXELS:,} in all and {MAX_SIDE:,} a side",
            hint="send it smaller",
        )
    if max(size) > MAX_RATIO * min(size):
        raise InvalidMedia(
            f"is too long and thin: {width:,} x {height:,} pixels; at most {MAX_RATIO} times as long as wide",
            hint="cut it into parts",
        )


def _refuse_scans(data: bytes, image: Image.Image) -> None:
    """A JPEG of a few kilobytes can ask for the whole picture to be gone over thousands of times."""
    if image.format in ("JPEG", "MPO") and data.count(START_OF_SCAN) > MAX_SCANS:
        raise InvalidMedia(f"is a JPEG of more than {MAX_SCANS} scans", hint="save it anew")


def _tags(image: Image.Image) -> Image.Exif:
    """Broken ones are none: the picture can be seen all the same."""
    try:
        return image.getexif()
    except BROKEN:
        return Image.Exif()


def _told(main: Image.Exif) -> Exif:
    try:
        return read_exif(main, main.get_ifd(EXIF_IFD), main.get_ifd(GPS_IFD))
    except BROKEN:
        return Exif()


def _opaque(image: Image.Image) -> Image.Image:
    """As RGB, on white where it is transparent."""
    if image.mode in WIDE_GREY:
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return image.convert("RGB")
    shown = image.convert("RGBA")
    ground = Image.new("RGBA", shown.size, "white")
    return Image.alpha_composite(ground, shown).convert("RGB")


def _upright(image: Image.Image, main: Image.Exif) -> Image.Image:
    turn = main.get(ORIENTATION)
    method = UPRIGHT.get(turn) if isinstance(turn, int) else None
    return image if method is None else image.transpose(method)
