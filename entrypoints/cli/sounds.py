"""Sounds that the user names: looked at, never read or decoded here."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from domain.errors import AccessDenied, InvalidMedia, InvalidRequest, PayloadTooLarge
from domain.inference.sound import Sound, SoundBytes, SoundFile
from domain.inference.sound_limits import MOST_SOUND_BYTES
from entrypoints.cli.console import Console
from entrypoints.cli.prompt import STANDARD_INPUT


def sound_named(word: str, console: Console, option: str = "") -> Sound:
    """The file of that name, of any size; `-` is standard input, which must fit into memory. option: what named it.

    Raises InvalidRequest where there is no such file, InvalidMedia for an empty one, AccessDenied, PayloadTooLarge.
    """
    if word == STANDARD_INPUT and not option:
        return _standard_input(console)
    named = f"{option} {word!r}" if option else repr(word)
    if "://" in word:
        raise InvalidRequest(f"{named} is a URL: none is fetched", hint="download it first", param=option or None)
    try:
        path = Path(word).expanduser().absolute()
        facts = path.stat()
    except FileNotFoundError as fault:
        raise InvalidRequest(f"{named}: there is no such file", param=option or None) from fault
    except PermissionError as fault:
        raise AccessDenied(f"{named} cannot be read: permission denied", hint="see its permissions") from fault
    except (OSError, ValueError, RuntimeError) as fault:
        raise InvalidRequest(f"{named} cannot be read: {fault}", param=option or None) from fault
    if stat.S_ISDIR(facts.st_mode):
        raise InvalidRequest(f"{named} is a folder", hint="name the files in it", param=option or None)
    if not stat.S_ISREG(facts.st_mode):
        raise InvalidRequest(f"{named} is no regular file", hint="write - and pipe the sound in", param=option or None)
    if not os.access(path, os.R_OK):
        raise AccessDenied(f"{named} cannot be read: permission denied", hint="see its permissions")
    if not facts.st_size:
        raise InvalidMedia(f"{named} is empty", hint="name a sound", param=option or None)
    return SoundFile(path)


def _standard_input(console: Console) -> SoundBytes:
    if console.input_is_terminal:
        raise InvalidRequest("- reads a sound from standard input, and that is the terminal", hint="pipe one in")
    data = console.read_bytes(MOST_SOUND_BYTES + 1)
    if not data:
        raise InvalidMedia("standard input is empty", hint="pipe a sound in")
    if len(data) > MOST_SOUND_BYTES:
        raise PayloadTooLarge(
            f"standard input is larger than {MOST_SOUND_BYTES:,} bytes", hint="save it as a file and name that"
        )
    return SoundBytes(data)
