"""The journal of a partial file: what a crash, a power cut and a stranger may have done to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hub import partial_file
from adapters.hub.disk import Disk
from adapters.hub.layout import CacheLayout
from adapters.hub.partial_file import PartialFile, read_ranges
from domain.hub.byte_ranges import ByteRanges, Span
from domain.hub.remote_model import RemoteFile

MIB = 1 << 20
CONTENT = bytes(range(256)) * (4 * MIB // 256)
FILE = RemoteFile("model.safetensors", len(CONTENT), "1" * 40, hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def layout(tmp_path: Path) -> CacheLayout:
    layout = CacheLayout(tmp_path, "org/name")
    layout.blobs.mkdir(parents=True)
    return layout


def begin(layout: CacheLayout) -> PartialFile:
    return PartialFile(Disk(), layout, FILE)


def put(partial: PartialFile, start: int, end: int) -> None:
    partial.write(start, CONTENT[start:end])
    partial.note(Span(start, end))


def test_what_was_noted_is_found_again(layout: CacheLayout) -> None:
    partial = begin(layout)
    put(partial, 0, MIB)
    put(partial, 2 * MIB, 3 * MIB)
    partial.close()
    again = begin(layout)
    assert again.have == ByteRanges.of([(0, MIB), (2 * MIB, 3 * MIB)])
    put(again, MIB, 2 * MIB)
    put(again, 3 * MIB, 4 * MIB)
    assert again.checksum() == FILE.etag
    again.finish()
    assert layout.blob(FILE.etag).read_bytes() == CONTENT
    assert [path.name for path in layout.blobs.iterdir()] == [FILE.etag]


def test_a_line_cut_by_a_crash_counts_for_nothing_and_the_journal_goes_on(layout: CacheLayout) -> None:
    partial = begin(layout)
    put(partial, 0, MIB)
    partial.close()
    with layout.ranges(FILE.etag).open("a") as journal:
        journal.write("r 1048576 20971")
    again = begin(layout)
    assert again.have == ByteRanges.of([(0, MIB)])
    put(again, 3 * MIB, 4 * MIB)
    again.close()
    third = begin(layout)
    assert Span(3 * MIB, 4 * MIB) in third.have.spans
    assert third.have.covered_bytes <= 3 * MIB
    third.close()


def test_only_what_was_synced_is_beyond_doubt(layout: CacheLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial_file, "SYNC_BYTES", 2 * MIB)
    partial = begin(layout)
    for start in range(0, 3 * MIB, MIB):
        put(partial, start, start + MIB)
    partial.close()
    again = begin(layout)
    assert again.doubtful == ByteRanges.of([(2 * MIB, 3 * MIB)])
    again.forget(again.doubtful)
    assert again.have == ByteRanges.of([(0, 2 * MIB)])
    again.close()
    third = begin(layout)
    assert (third.have, third.doubtful) == (ByteRanges.of([(0, 2 * MIB)]), ByteRanges())
    third.close()


def test_a_doubt_from_an_earlier_run_stays_whatever_is_synced_later(
    layout: CacheLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = begin(layout)
    put(partial, 0, MIB)
    partial.close()
    monkeypatch.setattr(partial_file, "SYNC_BYTES", MIB)
    again = begin(layout)
    put(again, MIB, 3 * MIB)
    again.close()
    third = begin(layout)
    assert Span(0, MIB).end <= third.doubtful.spans[0].end
    assert third.doubtful.spans[0].start == 0
    third.close()


@given(st.binary(max_size=200))
def test_a_journal_of_anything_is_read_without_a_fault(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("noise")
    partial, journal = folder / "p", folder / "j"
    partial.write_bytes(bytes(100))
    for head in (b"", f"mlxk-ranges 1 {FILE.size_bytes} {FILE.etag}\n".encode()):
        journal.write_bytes(head + noise)
        have, doubtful = read_ranges(partial, journal, FILE)
        assert have.within(100) == have
        assert doubtful.within(100) == doubtful


def test_a_journal_of_another_file_is_none(layout: CacheLayout) -> None:
    partial = begin(layout)
    put(partial, 0, MIB)
    partial.close()
    journal = layout.ranges(FILE.etag)
    journal.write_text(journal.read_text().replace(str(FILE.size_bytes), "7", 1))
    again = begin(layout)
    assert again.have == ByteRanges()
    again.close()


def test_a_link_in_the_place_of_a_partial_file_is_not_followed(layout: CacheLayout, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    layout.partial(FILE.etag).symlink_to(target)
    with pytest.raises(OSError, match="symbolic"):
        begin(layout)
    assert target.read_text() == "mine"
