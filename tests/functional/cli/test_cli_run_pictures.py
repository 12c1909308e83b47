"""Pictures at the command line: `--image`, `--chunk`, and `/image` in a chat."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from domain.errors import InvalidMedia
from domain.inference import GenerationRequest, Message, PictureWishes
from domain.inference import picture_limits as limits
from tests.support.fakes.cli_services import FakeServices, Line, Seen, spoken
from tests.support.pictures import BEGINNINGS, picture_bytes

ONE, TWO = picture_bytes("png", b"1"), picture_bytes("jpeg", b"2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures and a text, here."""
    (tmp_path / "a.png").write_bytes(ONE)
    (tmp_path / "b.jpg").write_bytes(TWO)
    (tmp_path / "notes.txt").write_text("N")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*argv: str, stdin: str = "", environ: dict[str, str] | None = None) -> GenerationRequest:
    """The one request that a command line makes."""
    line = Line(FakeServices(answers=[spoken("Yes.")]), stdin=stdin, environ=environ or {})
    seen = line.run("run", "eyes", *argv)
    assert (seen.code, seen.err) == (0, "")
    ((_, made, _),) = line.services.talk.asked
    return made


def refusal(*argv: str) -> Seen:
    """No model was asked."""
    line = Line(FakeServices(answers=[spoken("Yes.")]))
    seen = line.run("run", "eyes", *argv)
    assert (seen.out, line.services.talk.asked) == ("", [])
    return seen


def shown(message: Message) -> list[tuple[str | None, bytes, int]]:
    return [(each.name, each.data, each.at) for each in message.attachments]


A, B = ("a.png", ONE, 0), ("b.jpg", TWO, 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "argv",
    [
        ("what?", "--image", "a.png", "b.jpg"),
        ("--image", "a.png", "b.jpg", "what?"),
        ("--image", "a.png", "--image=b.jpg", "--", "what?"),
        ("--prompt", "what?", "--image", "[ab].*"),
        ("what?", "--image", "*.png", "--image", "*.jpg"),
    ],
)
def test_pictures_stand_before_the_question(argv: tuple[str, ...]) -> None:
    (turn,) = asked(*argv).messages
    assert turn.content == "what?"
    assert shown(turn) == [A, B]


@pytest.mark.usefixtures("folder")
def test_without_a_question_the_model_describes_what_it_sees() -> None:
    assert asked("--image", "a.png").messages[0].content == "Describe the image."
    assert asked("--image", "a.png", "b.jpg").messages[0].content == "Describe the images."
    with_text = asked("--image", "a.png", "--file", "notes.txt").messages[0]
    assert with_text.content == "File notes.txt:\n```\nN\n```\n\nDescribe the image."


@pytest.mark.usefixtures("folder")
def test_standard_input_is_text_beside_pictures() -> None:
    assert asked("-", "why?", "--image", "a.png", stdin="piped\n").messages[0].content == "piped\n\nwhy?"


@pytest.mark.parametrize("kind", sorted(BEGINNINGS))
def test_a_picture_is_known_by_its_bytes_not_by_its_name(folder: Path, kind: str) -> None:
    (folder / "x.bin").write_bytes(picture_bytes(kind))
    assert len(asked("--image", "x.bin").pictures) == 1


def test_a_file_whose_name_is_a_pattern_means_itself(folder: Path) -> None:
    (folder / "[a].png").write_bytes(TWO)
    assert shown(asked("--image", "[a].png").messages[0]) == [("[a].png", TWO, 0)]


def test_a_home_and_a_pattern_in_it_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert shown(asked("--image", "~/a.png").messages[0]) == [A]
    assert shown(asked("--image", "~/[ab].*g").messages[0]) == [A, B]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--image", "none.png"), "--image 'none.png': there is no such file"),
        (("--image", "*.gif"), "--image '*.gif' matches no file"),
        (("--image", "."), "--image '.' is a folder"),
        (("--image", "a.png", "notes.txt"), "--image 'notes.txt' is no picture, or a broken one"),
        (("--image", "*.txt"), "--image 'notes.txt' is no picture"),
        (("--image", "empty"), "--image 'empty' is empty"),
        (("--image", "https://example.org/a.png"), "--image 'https://example.org/a.png' is a URL: none is fetched"),
        (("--image", "a\0b"), "--image 'a\\x00b' cannot be read"),
        (("--image", "a.png", "--chunk", "0"), "chunk must be from 1 to 100, got 0"),
        (("--image", "a.png", "--chunk", "two"), "--chunk needs a whole number"),
        (("--image",), "--image needs a value"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(folder: Path, argv: tuple[str, ...], message: str) -> None:
    (folder / "empty").write_bytes(b"")
    seen = refusal(*argv)
    assert message in seen.err
    assert seen.code in (1, 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_picture_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "a.png").chmod(0)
    assert "--image 'a.png' cannot be read: permission denied" in refusal("--image", "a.png").err


@pytest.mark.usefixtures("folder")
def test_pictures_that_are_too_large_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.cli.pictures.MOST_PICTURE_BYTES", 8)
    monkeypatch.setattr(limits, "MOST_PICTURE_BYTES", 8)
    assert "--image 'a.png' is too large, one may have" in refusal("--image", "a.png").err
    monkeypatch.setattr(limits, "MOST_PICTURE_BYTES", 100)
    monkeypatch.setattr(limits, "MOST_TOGETHER_BYTES", 10)
    assert "with --image 'b.jpg' there are" in refusal("--image", "a.png", "b.jpg").err


@pytest.mark.usefixtures("folder")
def test_chunk_and_table_reach_the_request_and_the_environment_has_a_rule() -> None:
    assert asked("what?").picture_wishes == PictureWishes()
    assert asked("--image", "a.png", "--chunk", "2", "--no-table").picture_wishes == PictureWishes(2, table=False)
    rule = {"MLXK2_VISION_CHUNK_SIZE": "3"}
    assert asked("--image", "a.png", environ=rule).picture_wishes.chunk == 3
    assert asked("--image", "a.png", "--chunk", "1", environ=rule).picture_wishes.chunk == 1
    assert asked("--image", "a.png", "--format", "json", environ=rule).picture_wishes.chunk is None


@pytest.mark.usefixtures("folder")
def test_the_json_form_has_the_question_and_the_answer() -> None:
    line = Line(FakeServices(answers=[spoken("Red.")]))
    data = json.loads(line.run("run", "eyes", "--image", "a.png", "--json").out)["data"]
    assert (data["prompt"], data["response"]) == ("Describe the image.", "Red.")


# In a chat


def talk(*typed: str, sees: bool | None = True, readers: set[str] | None = None) -> tuple[Line, Seen]:
    line = Line(
        FakeServices(answers=[spoken(f"Answer {at}.") for at in range(1, 9)]),
        terminal=True,
        stdin="".join(f"{each}\n" for each in typed),
    )
    line.services.talk.sees, line.services.talk.readers = sees, readers or set()
    return line, line.run("run", "eyes")


def turns(line: Line) -> list[list[Message]]:
    return [list(request.messages) for _, request, _ in line.services.talk.asked]


@pytest.mark.usefixtures("folder")
def test_a_picture_goes_with_the_next_question_and_stays_in_the_conversation() -> None:
    line, seen = talk("/image a.png", "/image b.jpg", "what?", "and?")
    assert "a.png goes with your next question." in seen.out
    first, second = turns(line)
    assert shown(first[-1]) == [A, B]
    assert [shown(turn) for turn in second] == [[A, B], [], []]


def test_several_pictures_and_names_with_spaces(folder: Path) -> None:
    (folder / "my cat.png").write_bytes(ONE)
    line, seen = talk("/image my cat.png", "/image a.png 'my cat.png' *.jpg", "what?")
    assert "a.png, my cat.png, b.jpg go with your next question." in seen.out
    assert [each.name for each in turns(line)[0][-1].attachments] == ["my cat.png", "a.png", "my cat.png", "b.jpg"]


@pytest.mark.usefixtures("folder")
def test_pictures_are_taken_back_and_forgotten() -> None:
    line, seen = talk("/image a.png", "/image", "one?", "/image a.png", "/clear", "two?")
    assert "No pictures go with your next question." in seen.out
    assert [shown(each[-1]) for each in turns(line)] == [[], []]


@pytest.mark.usefixtures("folder")
def test_what_is_no_picture_is_refused_and_the_chat_goes_on() -> None:
    line, seen = talk("/image notes.txt", '/image "a', "/image none.png", "what?")
    assert "/image 'notes.txt' is no picture" in seen.err
    assert "No closing quotation" in seen.err
    assert "/image 'none.png': there is no such file" in seen.err
    assert "after --" not in seen.err
    assert shown(turns(line)[0][-1]) == []


@pytest.mark.usefixtures("folder")
def test_pictures_that_were_refused_wait_until_they_are_taken_back() -> None:
    line = Line(
        FakeServices(answers=[InvalidMedia("picture 1 (a.png) is broken"), InvalidMedia("again"), spoken("Yes.")]),
        terminal=True,
        stdin="/image a.png\nwhat?\n/image none.png\nand?\n/image\nso?\n",
    )
    line.services.talk.sees = True
    seen = line.run("run", "eyes")
    assert seen.err.count("The pictures still go with your next question; /image alone takes them back.") == 2
    assert "Yes." in seen.out
    assert [shown(each[-1]) for each in turns(line)] == [[A], [A], []]


@pytest.mark.usefixtures("folder")
def test_where_nobody_said_whether_the_model_sees_pictures_are_taken() -> None:
    assert shown(turns(talk("/image a.png", "what?", sees=None)[0])[0][-1]) == [A]
    assert "reads text only" in talk("/image a.png", sees=False)[1].err


@pytest.mark.usefixtures("folder")
def test_going_on_with_a_model_that_only_reads_leaves_out_the_pictures_that_wait() -> None:
    again, seen = talk("/image a.png", "/model words", "what?", readers={"words"})
    assert "the pictures for your next question are left out" in seen.err
    assert shown(turns(again)[0][-1]) == []


def test_a_saved_chat_tells_how_many_pictures_there_were(folder: Path) -> None:
    talk("/image a.png b.jpg", "what?", f"/save {folder}/c.json")
    line, _ = talk(f"/load {folder}/c.json", "and?")
    assert turns(line)[0][0].text == "what?\n\n[2 image(s) were attached]"
    saved = json.loads((folder / "c.json").read_text())
    saved["messages"][0]["images"] = -1
    (folder / "c.json").write_text(json.dumps(saved))
    assert "images is no number of pictures" in talk(f"/load {folder}/c.json")[1].err
