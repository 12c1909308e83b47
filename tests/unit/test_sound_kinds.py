"""What a file is, by its first bytes."""

from __future__ import annotations

import pytest

from domain.inference.sound_kinds import SoundKind, id3_bytes, other_kind, sound_kind

BEGINNINGS = {
    b"RIFF\x24\0\0\0WAVEfmt ": SoundKind.WAV,
    b"RF64\xff\xff\xff\xffWAVEds64": SoundKind.WAV,
    b"fLaC\0\0\0\x22": SoundKind.FLAC,
    b"\xff\xfb\x90\x64": SoundKind.MP3,
    b"\xff\xf3\x40\xc4": SoundKind.MP3,
    b"\xff\xfd\x90\x64": SoundKind.MPEG,
    b"\xff\xf1\x50\x80": SoundKind.AAC,
    b"OggS\0\x02": SoundKind.OGG,
    b"\0\0\0\x20ftypM4A ": SoundKind.MP4,
    b"\x1a\x45\xdf\xa3\x9f": SoundKind.MATROSKA,
    b"caff\0\x01": SoundKind.CAF,
    b"FORM\0\0\0\x10AIFF": SoundKind.AIFF,
    b"#!AMR\n": SoundKind.AMR,
}


@pytest.mark.parametrize("head", BEGINNINGS)
@pytest.mark.parametrize("name", [None, "song.mp3", "song.wav", "notes.txt"])
def test_the_bytes_say_what_a_sound_is_whatever_its_name(head: bytes, name: str | None) -> None:
    assert sound_kind(head, name) is BEGINNINGS[head]


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"PK\x03\x04\x14", "a ZIP archive"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x20ftypheic", "a HEIC or AVIF picture"),
        (b"MThd\0\0\0\x06", "a MIDI file, which has notes and no sound"),
        (b"#EXTM3U\nfile:///etc/passwd", "a playlist"),
        ("Où est la bibliothèque?".encode(), "text"),
        (bytes(range(256)), "of no kind that is known"),
    ],
)
def test_what_is_no_sound_is_named(head: bytes, what: str) -> None:
    assert sound_kind(head, "a.wav") is None
    assert other_kind(head) == what


def test_a_text_cut_off_in_the_middle_of_a_letter_is_text() -> None:
    assert other_kind("é".encode() * 9 + "é".encode()[:1]) == "text"


def test_an_mp3_that_begins_with_anything_is_known_by_its_name_alone() -> None:
    assert sound_kind(bytes(64), "song.MP3") is SoundKind.MP3
    assert sound_kind(bytes(64), "song.wav") is None
    assert sound_kind(b"hello there", "song.mp3") is None


def test_how_long_a_tag_is_stands_in_its_head() -> None:
    assert id3_bytes(b"ID3\x04\0\0\0\0\x02\x01") == 10 + 257
    assert id3_bytes(b"ID3\x04\0\x10\0\0\x02\x01") == 20 + 257
    assert id3_bytes(b"ID3\x04\0\0\x80\0\0\0") == id3_bytes(b"RIFF") == id3_bytes(b"ID3") == 0
