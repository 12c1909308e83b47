"""Pictures that the user names: found, read whole and checked, never decoded here."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from domain.errors import AccessDenied, InvalidMedia, InvalidRequest
from domain.inference import Attachment, AttachmentKind
from domain.inference.picture_kinds import FORMATS, other_kind, picture_format
from domain.inference.picture_limits import MOST_PICTURE_BYTES, AttachedBytes

OPTION = "--image"


def read_pictures(
    names: Sequence[str], before: Sequence[Attachment] = (), option: str = OPTION
) -> tuple[Attachment, ...]:
    """In the order of the names, to stand before a text. A pattern that names no file itself stands for the files it
    matches. before: pictures that go with the same question, which count too.

    Raises InvalidRequest when there is none, InvalidMedia for what is no picture, PayloadTooLarge, AccessDenied; all
    name the file.
    """
    attached = AttachedBytes()
    for each in before:
        attached.add(each.name or "a picture", len(each.data), option)
    return tuple(_picture(path, attached, option) for name in names for path in _paths(name, option))


def default_question(count: int) -> str:
    return "Describe the image." if count == 1 else "Describe the images."


def _paths(name: str, option: str) -> list[Path]:
    """In the order of their names. A pattern's folders and other files that are no pictures are refused by name too."""
    try:
        path = Path(name).expanduser()
        if path.exists() or not (glob.has_magic(name) or "://" in name):
            return [path]
        found = sorted(Path(each) for each in glob.glob(str(path)))  # noqa: PTH207 - absolute patterns too
    except (OSError, RuntimeError, ValueError) as fault:
        raise InvalidRequest(f"{option} {name!r} cannot be read: {fault}", param=option) from fault
    if "://" in name:
        raise InvalidRequest(f"{option} {name!r} is a URL: none is fetched", hint="download it first", param=option)
    if not found:
        raise InvalidRequest(f"{option} {name!r} matches no file", hint="name the pictures one by one", param=option)
    return found


def _picture(path: Path, attached: AttachedBytes, option: str) -> Attachment:
    named = f"{option} {str(path)!r}"
    data = _read(path, named, option)
    attached.add(named, len(data), option)
    if picture_format(data) is None:
        raise InvalidMedia(f"{named} {other_kind(data)}", hint=f"name pictures: {FORMATS}", param=option)
    return Attachment.of(AttachmentKind.IMAGE, data, 0, path.name.encode(errors="replace").decode())


def _read(path: Path, named: str, option: str) -> bytes:
    """At most one byte more than a picture may have."""
    try:
        with path.open("rb") as source:
            return source.read(MOST_PICTURE_BYTES + 1)
    except FileNotFoundError as fault:
        hint = "the question stands before it, or after --" if option == OPTION else None
        raise InvalidRequest(f"{named}: there is no such file", hint=hint, param=option) from fault
    except IsADirectoryError as fault:
        raise InvalidRequest(f"{named} is a folder", hint="name the pictures in it", param=option) from fault
    except PermissionError as fault:
        raise AccessDenied(f"{named} cannot be read: permission denied", hint="see its permissions") from fault
    except (OSError, ValueError) as fault:
        raise InvalidRequest(f"{named} cannot be read: {fault}", param=option) from fault
