"""Lines of texts: what each says, where one is at fault, and how many are taken at once."""

from __future__ import annotations

import pytest

from domain.errors import InvalidRequest, MlxkError
from entrypoints.cli.line_batches import BATCH_LINES, LONGEST_LINE, LineBatches
from entrypoints.cli.text_records import RecordBatches, read_line


class Pieces:
    """ByteSource that gives these pieces one by one, and has to be waited for before an empty one."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.taken = 0

    def read(self, size: int) -> bytes:
        while self.pieces and not self.pieces[0]:
            self.pieces.pop(0)
        if not self.pieces:
            return b""
        self.taken += 1
        piece = self.pieces.pop(0)
        assert len(piece) <= size
        return piece

    def ready(self) -> bool:
        return not self.pieces or bool(self.pieces[0])


class Broken:
    def read(self, _size: int) -> bytes:
        raise OSError(5, "Input/output error")

    def ready(self) -> bool:
        return True


def batches(*pieces: bytes) -> list[list[tuple[int, bytes]]]:
    return list(LineBatches(Pieces(*pieces), "standard input"))


def texts(*pieces: bytes) -> list[list[str]]:
    return [[each.text for each in batch] for batch in RecordBatches(LineBatches(Pieces(*pieces), "standard input"))]


def test_lines_are_numbered_and_lose_their_ends() -> None:
    assert batches(b"one\r\ntw", b"o\nthree") == [[(1, b"one"), (2, b"two"), (3, b"three")]]


def test_what_is_there_is_not_held_back_for_what_is_still_to_come() -> None:
    assert batches(b"one\ntwo\n", b"", b"three\n") == [[(1, b"one"), (2, b"two")], [(3, b"three")]]


def test_no_more_is_read_ahead_than_a_batch_needs() -> None:
    source = Pieces(*[b"line\n" * 1000] * 50)
    first = next(iter(LineBatches(source, "x")))
    assert len(first) == BATCH_LINES
    assert source.taken == 1


def test_long_lines_make_small_batches() -> None:
    line = b"x" * 40_000 + b"\n"
    assert len(batches(*[line] * 60)) > 1


def test_a_line_that_never_ends_is_an_error_after_the_lines_before_it() -> None:
    source = Pieces(b"good\n", *[b"x" * 65536] * (LONGEST_LINE // 65536 + 2))
    lines = iter(LineBatches(source, "standard input"))
    assert next(lines) == [(1, b"good")]
    with pytest.raises(InvalidRequest, match=r"standard input, line 2 is longer than"):
        next(lines)


def test_a_source_that_breaks_is_an_error() -> None:
    with pytest.raises(InvalidRequest, match="standard input cannot be read: Input/output error"):
        list(LineBatches(Broken(), "standard input"))


@pytest.mark.parametrize(
    ("line", "text", "fields"),
    [
        (b"plain", "plain", {"text": "plain"}),
        (b"  kept as it is ", "  kept as it is ", {"text": "  kept as it is "}),
        (b'"a \\"string\\""', 'a "string"', {"text": 'a "string"'}),
        (b'"Well," she said', '"Well," she said', {"text": '"Well," she said'}),
        (b"42", "42", {"text": "42"}),
        (b'["a"]', '["a"]', {"text": '["a"]'}),
        (b'{"id": 7, "text": "t", "tags": [1, null]}', "t", {"id": 7, "text": "t", "tags": [1, None]}),
        ("\ufeffplain".encode(), "plain", {"text": "plain"}),
        ("schlafen größer".encode(), "schlafen größer", {"text": "schlafen größer"}),
    ],
)
def test_a_line_is_an_object_a_string_or_itself(line: bytes, text: str, fields: dict[str, object]) -> None:
    record = read_line((1, line))
    assert record is not None
    assert record.text == text
    assert record.fields == fields
    assert list(record.fields) == list(fields)


@pytest.mark.parametrize("line", [b"", b"   ", b"\t"])
def test_an_empty_line_is_none(line: bytes) -> None:
    assert read_line((3, line)) is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"text": "a"', "line 1,234 is not JSON"),
        (b'{"title": "a"}', 'line 1,234 has no "text"'),
        (b'{"text": 7}', 'line 1,234: "text" must be a string'),
        (b'{"text": " "}', 'line 1,234: "text" is empty'),
        (b'""', 'line 1,234: "text" is empty'),
        (b'{"text": "a", "n": NaN}', "NaN is no JSON number"),
        (b'{"text": "a", "n": 1e999}', "1e999 is too large a number"),
        (b'{"text": "\\ud800"}', "half of a surrogate pair"),
        (b"\xff\xfe", "line 1,234 is not UTF-8: byte 0 is wrong"),
        (b'{"text": "a", "n": ' + b"[" * 5000 + b"]" * 5000 + b"}", "line 1,234 is"),
    ],
)
def test_a_line_at_fault_is_named(line: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest) as fault:
        read_line((1234, line))
    assert words in fault.value.message


def test_what_stands_before_a_line_at_fault_is_handed_out_first() -> None:
    records = iter(RecordBatches(LineBatches(Pieces(b"one\n\ntwo\n{broken\nfour\n"), "standard input")))
    assert [each.place for each in next(records)] == ["line 1", "line 3"]
    with pytest.raises(MlxkError, match="line 4 is not JSON"):
        next(records)


def test_empty_lines_alone_are_no_batch() -> None:
    assert texts(b"\n\n", b"", b"one\n") == [["one"]]
