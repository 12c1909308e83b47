"""The table of pictures before an answer, and reading it back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.inference import Attachment, AttachmentKind, Message, PictureFacts, Role
from domain.inference.picture_numbers import listed_before, number_pictures
from domain.inference.picture_table import (
    CLOSE,
    MARKER,
    OPEN,
    PictureRow,
    TableRead,
    listed_pictures,
    picture_table,
    short,
    with_tables_read,
    without_tables,
)
from tests.support.pictures import picture

TEXTS = st.text() | st.text(alphabet="<details>/|`[](){}!*_\\&\n\r\t -:@.wh", max_size=60)
HOSTILE = TEXTS | st.sampled_from(
    [OPEN, CLOSE, MARKER, "a|b", "\n| 9 | image_00000000.png |", "<script>", "![x](http://x)"]
)
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
FACTS = st.builds(
    PictureFacts,
    DIGESTS,
    st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "HEIF", "MPO"]) | HOSTILE,
    st.integers(1, 9999),
    st.integers(1, 9999),
    st.none() | st.floats(-90, 90),
    st.none() | st.floats(-180, 180),
    st.none() | HOSTILE,
    st.none() | HOSTILE,
)
ROWS = st.lists(
    st.builds(PictureRow, st.integers(1, 999_999), DIGESTS, st.none() | FACTS, st.none() | HOSTILE),
    min_size=1,
    max_size=5,
)
GROUPS = st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9))


def facts(digest: str, kind: str = "JPEG", **known: object) -> PictureFacts:
    return PictureFacts(digest, kind, 4, 3, **known)  # type: ignore[arg-type]


A, B = "1a2b3c4d" + "0" * 56, "99999999" + "f" * 56


def test_a_picture_is_a_row_under_its_number_with_the_ending_of_its_format() -> None:
    assert picture_table([PictureRow(3, A, facts(A, "PNG"))]) == (
        "<details>\n<summary>Image Metadata (1 image)</summary>\n\n<!-- mlxk:filenames -->\n"
        "| Image | Filename |\n|---|---|\n| 3 | image_1a2b3c4d.png |\n\n</details>\n\n"
    )


@pytest.mark.parametrize(
    ("kind", "ending"), [("JPEG", "jpeg"), ("MPO", "jpeg"), ("HEIF", "heic"), ("WEBP", "webp"), ("../x", "x")]
)
def test_the_ending_is_what_the_picture_is(kind: str, ending: str) -> None:
    assert f"image_1a2b3c4d.{ending} |" in picture_table([PictureRow(1, A, facts(A, kind))])


def test_columns_stand_where_a_picture_has_something_for_them() -> None:
    known = facts(A, latitude=-52.52, longitude=13.405, taken="2024-05-06T07:08:09", camera="Acme X1")
    table = picture_table([PictureRow(1, A, known, "holiday.jpg"), PictureRow(2, B, facts(B))])
    assert "| Image | Filename | Original | Location | Date | Camera |\n|---|---|---|---|---|---|\n" in table
    assert (
        "| 1 | image_1a2b3c4d.jpeg | holiday.jpg | 52.5200°S, 13.4050°E | 2024-05-06T07:08:09 | Acme X1 |\n"
        "| 2 | image_99999999.jpeg |  |  |  |  |" in table
    )
    assert "| Image | Filename | Original |\n" in picture_table([PictureRow(1, A, facts(A), "a.jpg")])


@pytest.mark.parametrize(
    ("numbers", "summary"),
    [([4], "Chunk 2/3: Image 4"), ([4, 5, 6], "Chunk 2/3: Images 4-6"), ([1, 4], "Chunk 2/3: Images 1, 4")],
)
def test_a_group_says_which_it_is_and_what_it_shows(numbers: list[int], summary: str) -> None:
    table = picture_table([PictureRow(number, f"{number:064x}") for number in numbers], (2, 3))
    assert f"<summary>{summary}</summary>" in table


@given(ROWS, GROUPS)
def test_what_is_printed_is_read_back_whatever_names_and_cameras_say(
    rows: list[PictureRow], group: tuple[int, int] | None
) -> None:
    assert listed_pictures(picture_table(rows, group)) == [(row.number, short(row.digest)) for row in rows]


@given(ROWS, GROUPS)
def test_nothing_in_a_table_is_html_markdown_or_a_line_of_its_own(
    rows: list[PictureRow], group: tuple[int, int] | None
) -> None:
    table = picture_table(rows, group)
    assert sorted(set(re.findall(r"<[^>]*>", table))) == [MARKER, CLOSE, "</summary>", OPEN, "<summary>"]
    lines = table.splitlines()
    assert len(lines) == 9 + len(rows)
    columns = lines[4].count("|")
    assert all(line.count("|") == columns for line in lines[5 : 6 + len(rows)])
    cells = "".join(lines[6 : 6 + len(rows)])
    assert not set("<>`[]*\\@") & set(cells)
    assert "://" not in cells


PROSE = st.text().filter(lambda text: OPEN not in text and CLOSE not in text and MARKER not in text)


@given(PROSE, ROWS, PROSE)
def test_a_text_without_its_tables_is_the_text_as_it_was(before: str, rows: list[PictureRow], after: str) -> None:
    assert without_tables(before + picture_table(rows) + after) == before + after
    assert without_tables(before + picture_table(rows, (1, 2)) + after + picture_table(rows, (2, 2))) == before + after
    assert without_tables(before) == before


@given(PROSE, ROWS, GROUPS, PROSE)
def test_a_table_is_read_as_people_read_it(
    before: str, rows: list[PictureRow], group: tuple[int, int] | None, after: str
) -> None:
    pieces = list(with_tables_read(before + picture_table(rows, group) + after))
    (read,) = (piece for piece in pieces if isinstance(piece, TableRead))
    assert [piece for piece in pieces if piece is not read] == [text for text in (before, after) if text]
    assert read.summary.startswith("Image Metadata (" if group is None else f"Chunk {group[0]}/{group[1]}: Image")
    assert [row["Image"] for row in read.rows] == [str(row.number) for row in rows]
    assert all(row["Filename"].startswith("image_") for row in read.rows)


def test_what_was_spelled_for_a_page_is_read_as_it_was() -> None:
    name = "a|b <www.x.y> & `c`.png"
    (read,) = with_tables_read(picture_table([PictureRow(1, A, facts(A, camera="Acme *X*"), name)]))
    assert isinstance(read, TableRead)
    assert (read.rows[0]["Original"], read.rows[0]["Camera"], read.rows[0]["Location"]) == (name, "Acme *X*", "")


@given(st.lists(st.sampled_from([OPEN, CLOSE, MARKER, "| 1 | image_00000000.png |\n", "\n", "x"])).map("".join))
def test_pieces_of_tables_in_any_order_break_nothing(text: str) -> None:
    left = without_tables(text)
    assert len(left) <= len(text)
    assert all(number == 1 for number, _ in listed_pictures(text))


def test_a_block_without_the_marker_is_the_models_own() -> None:
    text = "<details>\n<summary>Image Metadata (1 image)</summary>\n| 1 | image_1a2b3c4d.jpeg |\n</details>"
    assert without_tables(text) == text
    assert listed_pictures(text) == []


def test_a_long_text_full_of_beginnings_is_read_in_one_pass() -> None:
    text = (OPEN + MARKER) * 100_000
    assert without_tables(text) == text


# Numbers


def shown(*pictures: Attachment) -> Message:
    return Message(Role.USER, "look", attachments=pictures)


def tabled(*rows: tuple[int, Attachment]) -> Message:
    table = picture_table([PictureRow(number, each.digest) for number, each in rows])
    return Message(Role.ASSISTANT, f"{table}I see.")


ONE, TWO, THREE = picture(b"1"), picture(b"2"), picture(b"3")


def test_pictures_are_numbered_in_their_order_and_one_shown_twice_once() -> None:
    assert number_pictures([shown(ONE, TWO), shown(ONE, THREE)]) == {ONE.digest: 1, TWO.digest: 2, THREE.digest: 3}


def test_a_picture_keeps_the_number_of_the_table_when_it_comes_again() -> None:
    turns = [shown(ONE, TWO), tabled((1, ONE), (2, TWO)), shown(TWO, THREE)]
    assert number_pictures(turns) == {ONE.digest: 1, TWO.digest: 2, THREE.digest: 3}


def test_numbers_hold_when_the_client_has_dropped_the_pictures() -> None:
    turns = [Message(Role.USER, "look"), tabled((1, ONE), (2, TWO)), shown(THREE, TWO)]
    assert number_pictures(turns) == {THREE.digest: 3, TWO.digest: 2}


def test_only_an_assistants_table_counts() -> None:
    said = Message(Role.USER, tabled((7, ONE)).content)
    assert number_pictures([said, shown(ONE)]) == {ONE.digest: 1}
    assert listed_before([said]) == frozenset()
    assert listed_before([tabled((7, ONE))]) == {short(ONE.digest)}


def test_of_two_pictures_with_the_same_short_digest_only_one_takes_the_number() -> None:
    twin = Attachment(AttachmentKind.IMAGE, b"other", 0, short(ONE.digest) + "0" * 56)
    assert number_pictures([tabled((5, ONE)), shown(ONE, twin)]) == {ONE.digest: 5, twin.digest: 6}


def test_videos_have_no_numbers() -> None:
    video = Attachment.of(AttachmentKind.VIDEO, b"v", 0)
    assert number_pictures([shown(video, ONE)]) == {ONE.digest: 1}


@given(st.lists(st.lists(st.integers(0, 6), max_size=3), max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_no_picture_ever_changes_its_number(turns: list[list[int]], kept: list[bool]) -> None:
    """Whether the client keeps the pictures of a turn or drops them, as long as it keeps what was answered."""
    history: list[Message] = []
    given: dict[str, int] = {}
    for at, bodies in enumerate(turns):
        pictures = tuple({body: picture(b"%d" % body) for body in bodies}.values())
        numbers = number_pictures([*history, shown(*pictures)])
        for each in pictures:
            assert given.setdefault(each.digest, numbers[each.digest]) == numbers[each.digest]
        assert len(set(given.values())) == len(given)
        history.append(shown(*pictures) if kept[at] else Message(Role.USER, "look"))
        if pictures:
            history.append(tabled(*((numbers[each.digest], each) for each in pictures)))
