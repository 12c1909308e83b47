"""Pictures and videos inside a body: data URLs, read strictly. No URL is ever fetched."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

from domain.errors import InvalidMedia
from domain.inference import AttachmentKind
from domain.inference.picture_kinds import FORMATS, other_kind, picture_format
from domain.inference.picture_limits import AttachedBytes
from domain.inference.sound_limits import require_sound_size

PICTURE_TYPES = ("image/jpeg", "image/jpg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif")
VIDEO_TYPES = ("video/mp4", "video/webm", "video/quicktime", "video/x-matroska")
KINDS = {
    AttachmentKind.IMAGE: (
        re.compile(rf"data:(?:{'|'.join(PICTURE_TYPES)});base64,", re.IGNORECASE | re.ASCII),
        "data:image/jpeg;base64,... (jpeg, png, gif, webp, heic or heif)",
    ),
    AttachmentKind.VIDEO: (
        re.compile(rf"data:(?:{'|'.join(VIDEO_TYPES)});base64,", re.IGNORECASE | re.ASCII),
        "data:video/mp4;base64,... (mp4, webm, quicktime or x-matroska)",
    ),
}
LONGEST_HEAD = 64
SHOWN = 40
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/=]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31}):", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the body a part stands, and what it is."""

    path: str
    kind: AttachmentKind


def is_data_url(url: str) -> bool:
    return url[:5].lower() == "data:"


def read_data_url(url: str, place: Place, attached: AttachedBytes) -> bytes:
    """The bytes. Raises InvalidMedia for another URL and for broken base64, PayloadTooLarge before anything is decoded,
    each naming the place.
    """
    pattern, usage = KINDS[place.kind]
    head = pattern.match(url[:LONGEST_HEAD])
    if head is None:
        raise _other_url(url, place, usage)
    encoded = url[head.end() :]
    padding = encoded[-2:].count("=")
    attached.add(place.path, max(0, len(encoded) * 3 // 4 - padding), place.path)
    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as fault:  # binascii.Error, or characters beyond ASCII
        raise _broken(encoded, place, str(fault)) from None
    if not data:
        raise InvalidMedia(f"{place.path}: the data URL holds no bytes", hint=f"send {usage}", param=place.path)
    if place.kind is AttachmentKind.IMAGE and picture_format(data) is None:
        raise InvalidMedia(f"{place.path}: this {other_kind(data)}", hint=f"send one of {FORMATS}", param=place.path)
    return data


def read_sound(encoded: str, place: str) -> bytes:
    """The bytes of a sound that comes as base64. Raises InvalidMedia, and PayloadTooLarge before anything is decoded,
    each naming the place.
    """
    param = f"{place}.input_audio.data"
    require_sound_size(len(encoded) * 3 // 4 - encoded[-2:].count("="), param)
    try:
        data = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as fault:
        raise _broken(encoded, Place(param, AttachmentKind.AUDIO), str(fault)) from None
    if not data:
        raise InvalidMedia(f"{param}: there are no bytes", hint="send a sound", param=param)
    return data


def _other_url(url: str, place: Place, usage: str) -> InvalidMedia:
    scheme = _SCHEME.match(url[:SHOWN])
    if is_data_url(url):
        what = f"the data URL begins with {url[:SHOWN]!r}, which is not read"
    elif scheme is not None:
        what = f"{scheme[1].lower()} URLs are not fetched"
    else:
        what = f"this is no data URL: {url[:SHOWN]!r}"
    return InvalidMedia(f"{place.path}: {what}", hint=f"send the bytes themselves: {usage}", param=place.path)


def _broken(encoded: str, place: Place, complaint: str) -> InvalidMedia:
    wrong = _NO_BASE64.search(encoded)
    if wrong is not None:
        complaint = f"character {wrong.start():,} is {wrong[0]!r}"
    return InvalidMedia(
        f"{place.path}: the data is not base64: {complaint}",
        hint="standard base64 with padding, without line ends",
        param=place.path,
    )
