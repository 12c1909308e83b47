"""Where, when and with what a picture was taken, as its file tells it. Nothing in there is to be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

MAKE, MODEL, EXIF_IFD, GPS_IFD = 0x010F, 0x0110, 0x8769, 0x8825
DATE_TIME_ORIGINAL, OFFSET_ORIGINAL = 0x9003, 0x9011
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE, GPS_TIME, GPS_DATE = 1, 2, 3, 4, 7, 29
CAMERA_CHARACTERS = 64
PUNCTUATION = frozenset(" -_.,()/+&'")

Tags = Mapping[int, Any]


@dataclass(frozen=True, slots=True)
class Exif:
    """What PictureFacts says of it."""

    latitude: float | None = None
    longitude: float | None = None
    taken: str | None = None
    camera: str | None = None


def read_exif(main: Tags, details: Tags, place: Tags) -> Exif:
    """main, details, place: the picture's own tags, those of the Exif folder and those of the GPS folder."""
    latitude = _degrees(place.get(LATITUDE), place.get(LATITUDE_REF), "NS", 90)
    longitude = _degrees(place.get(LONGITUDE), place.get(LONGITUDE_REF), "EW", 180)
    known = latitude is not None and longitude is not None
    return Exif(
        latitude if known else None,
        longitude if known else None,
        _by_satellite(place.get(GPS_DATE), place.get(GPS_TIME))
        or _by_camera(details.get(DATE_TIME_ORIGINAL), details.get(OFFSET_ORIGINAL)),
        _camera(_words(main.get(MAKE)), _words(main.get(MODEL))),
    )


def _degrees(value: object, side: object, sides: str, most: int) -> float | None:
    """value: degrees, minutes and seconds, or the first one or two of them."""
    numbers = _numbers(value)
    letter = _text(side).strip().upper()[:1]
    if numbers is None or not 1 <= len(numbers) <= 3 or not letter or letter not in sides:
        return None
    degrees, minutes, seconds = (*numbers, 0.0, 0.0)[:3]
    total = degrees + minutes / 60 + seconds / 3600
    if min(numbers) < 0 or minutes >= 60 or seconds >= 60 or total > most:
        return None
    return -total if letter == sides[1] else total


def _numbers(value: object) -> tuple[float, ...] | None:
    """None for anything but finite numbers; rationals over zero are not finite."""
    parts: Sequence[Any] = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value,)
    try:
        numbers = tuple(float(each) for each in parts)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return numbers if all(math.isfinite(number) for number in numbers) else None


def _by_satellite(day: object, time: object) -> str | None:
    """UTC."""
    numbers = _numbers(time)
    if numbers is None or len(numbers) != 3:
        return None
    try:
        began = date(*(int(part) for part in _text(day).strip().split(":")))
    except (ValueError, TypeError, OverflowError):
        return None
    hours, minutes, seconds = numbers
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    moment = datetime(began.year, began.month, began.day) + timedelta(
        hours=hours, minutes=minutes, seconds=int(seconds)
    )
    return moment.isoformat(timespec="seconds") + "Z"


def _by_camera(moment: object, offset: object) -> str | None:
    """By the camera's own clock; with its distance from UTC where the camera tells."""
    try:
        taken = datetime.strptime(_text(moment).strip(), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    try:
        zoned = datetime.strptime(_text(offset).strip(), "%z")
    except ValueError:
        return taken.isoformat()
    return taken.replace(tzinfo=zoned.tzinfo).isoformat()


def _camera(make: str, model: str) -> str | None:
    """Many models say their make already."""
    first = make.split(" ", maxsplit=1)[0].lower()
    said = bool(first) and model.lower().startswith(first)
    return (model if said else f"{make} {model}".strip())[:CAMERA_CHARACTERS].strip() or None


def _words(value: object) -> str:
    """Letters, digits, spaces and plain punctuation: what comes into a prompt must not look like marks of the model's,
    nor of a table's.
    """
    kept = (each if each.isalnum() or each in PUNCTUATION else " " for each in _text(value)[: 4 * CAMERA_CHARACTERS])
    return " ".join("".join(kept).split())


def _text(value: object) -> str:
    """Up to the first zero, as in C; "" for what is no text."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return value.partition("\0")[0] if isinstance(value, str) else ""
