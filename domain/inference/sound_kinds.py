"""What a file is, by its first bytes: a sound of some kind, or something else."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

HEAD_BYTES = 4096  # enough to tell


class SoundKind(StrEnum):
    """Values: as people call them."""

    WAV = "WAV"
    MP3 = "MP3"
    FLAC = "FLAC"
    OGG = "Ogg"
    MP4 = "MP4/M4A"
    MATROSKA = "WebM/Matroska"
    CAF = "CAF"
    AIFF = "AIFF"
    AMR = "AMR"
    AAC = "AAC"
    MPEG = "MPEG audio"
    ASF = "WMA"
    AU = "AU"


IN_PROCESS = frozenset({SoundKind.WAV, SoundKind.MP3, SoundKind.FLAC})
KINDS = "WAV, MP3, FLAC, Ogg, Opus, M4A, MP4, WebM, CAF, AIFF, AMR, AAC or WMA"
_BEGINNINGS = (
    (b"fLaC", SoundKind.FLAC), (b"OggS", SoundKind.OGG), (b"\x1a\x45\xdf\xa3", SoundKind.MATROSKA),
    (b"caff", SoundKind.CAF), (b"#!AMR", SoundKind.AMR), (b".snd", SoundKind.AU),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", SoundKind.ASF),
)  # fmt: skip
_WAVES = frozenset({b"RIFF", b"RIFX", b"RF64", b"riff"})
_ISO_PICTURES = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})
_OTHERS = (
    (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"), (b"PK\x03\x04", "a ZIP archive"), (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"), (b"\xfd7zXZ", "an xz archive"), (b"7z\xbc\xaf", "a 7z archive"),
    (b"MThd", "a MIDI file, which has notes and no sound"), (b"#EXTM3U", "a playlist"), (b"\x7fELF", "a program"),
    (b"ID3", "an ID3 tag without a sound behind it"),
)  # fmt: skip


def sound_kind(head: bytes, name: str | None = None) -> SoundKind | None:
    """head: HEAD_BYTES of the file, behind its ID3 tag if it has one. name: believed where the bytes do not tell: MP3s
    may begin with anything.
    """
    if head[:4] in _WAVES and head[8:12] == b"WAVE":
        return SoundKind.WAV
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return SoundKind.AIFF
    if head[4:8] == b"ftyp" and head[8:12] not in _ISO_PICTURES:
        return SoundKind.MP4
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if (found := _mpeg(head)) is not None:
        return found
    named_mp3 = name is not None and PurePath(name).suffix.lower() == ".mp3"
    return SoundKind.MP3 if named_mp3 and other_kind(head) == UNKNOWN else None


UNKNOWN = "of no kind that is known"


def other_kind(head: bytes) -> str:
    """What a file is that is no sound, as the end of a sentence that begins with "it is"."""
    if not head:
        return "empty"
    for beginning, what in _OTHERS:
        if head.startswith(beginning):
            return what
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP picture"
    if head[4:8] == b"ftyp" and head[8:12] in _ISO_PICTURES:
        return "a HEIC or AVIF picture"
    return "text" if _is_text(head) else UNKNOWN


def id3_bytes(head: bytes) -> int:
    """How long the ID3 tag at a file's beginning is; 0 without one."""
    if head[:3] != b"ID3" or len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return size + (20 if head[5] & 0x10 else 10)


def _mpeg(head: bytes) -> SoundKind | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
    if layer == 0:
        return SoundKind.AAC if head[1] & 0xF6 == 0xF0 else None
    if version == 1 or head[2] >> 4 == 15 or head[2] >> 2 & 3 == 3:
        return None
    return SoundKind.MP3 if layer == 1 else SoundKind.MPEG


def _is_text(head: bytes) -> bool:
    try:
        words = head.decode()
    except UnicodeDecodeError as fault:
        if fault.start < len(head) - 4:
            return False
        words = head[: fault.start].decode()
    return all(character.isprintable() or character.isspace() for character in words)
