"""`mlxk run --image` as processes: what a terminal or a pipe gets, word for word."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.support.trained_vision import Asker, House, drawing

FILES = {
    "a.png": drawing("a red circle"),
    "b.jpg": drawing("a blue square", "JPEG"),
    "c.webp": drawing("a green triangle", "PNG"),
}


@pytest.fixture(scope="module")
def pictures(home: House, model: Asker) -> House:
    """Three pictures in the home, and a running server that the commands go through."""
    for name, data in FILES.items():
        (home.home / name).write_bytes(data)
    return home


def table(*names: str, first: int = 1, summary: str | None = None) -> str:
    rows = []
    for number, name in enumerate(names, first):
        ending = "jpeg" if name.endswith("jpg") else "png"
        rows.append(f"| {number} | image_{hashlib.sha256(FILES[name]).hexdigest()[:8]}.{ending} | {name} |")
    title = summary or f"Image Metadata ({len(names)} image{'s' * (len(names) > 1)})"
    lines = "\n".join(["| Image | Filename | Original |", "|---|---|---|", *rows])
    return f"<details>\n<summary>{title}</summary>\n\n<!-- mlxk:filenames -->\n{lines}\n\n</details>\n\n"


def printed(house: House, *words: str, stdin: str = "", **environ: str) -> str:
    ended = house.run(*words, stdin=stdin, **environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_a_question_about_a_picture_is_answered_after_its_table(pictures: House) -> None:
    assert printed(pictures, "--image", "a.png", "What colour is it?") == f"{table('a.png')}Red.\n"
    assert printed(pictures, "What colour is it?", "--image", "b.jpg", "--no-table") == "Blue.\n"


def test_without_a_question_pictures_are_described(pictures: House) -> None:
    assert printed(pictures, "--image", "a.png") == f"{table('a.png')}A red circle.\n"
    both = f"{table('a.png', 'b.jpg')}A red circle and a blue square.\n"
    assert printed(pictures, "--image", "a.png", "b.jpg") == both


def test_a_pattern_in_quotes_is_the_files_it_matches(pictures: House) -> None:
    told = printed(pictures, "--image", "[abc].*", "Which colours are they?", "--no-table")
    assert told == "Red, blue and green.\n"


def test_a_chunk_answers_group_after_group(pictures: House) -> None:
    told = printed(pictures, "--image", "a.png", "b.jpg", "c.webp", "--chunk", "2")
    first = table("a.png", "b.jpg", summary="Chunk 1/2: Images 1-2") + "A red circle and a blue square."
    assert told == f"{first}\n\n{table('c.webp', first=3, summary='Chunk 2/2: Image 3')}A green triangle.\n"
    rule = printed(pictures, "--image", "a.png", "b.jpg", "--no-table", "What colour is it?", "--chunk=1")
    assert rule == "Red.\n\nBlue.\n"


def test_words_alone_and_from_a_pipe_are_answered_too(pictures: House) -> None:
    assert printed(pictures, "Who are you?") == "I am a tiny vision model.\n"
    assert printed(pictures, "-", stdin="Thank you.\n") == "You are welcome.\n"
    assert printed(pictures, "-", "--image", "a.png", "--no-table", stdin="Which shape is it?") == "A circle.\n"


def test_the_json_form_has_the_question_the_table_and_the_answer(pictures: House) -> None:
    data = json.loads(printed(pictures, "--image", "a.png", "--json"))["data"]
    assert (data["prompt"], data["response"]) == ("Describe the image.", f"{table('a.png')}A red circle.")
    assert (data["finish_reason"], data["served_by"]) == ("stop", "server")


def test_without_a_server_the_command_says_the_same(pictures: House) -> None:
    words = ("--image", "a.png", "b.jpg", "c.webp", "Describe the images.", "--chunk", "2")
    here = pictures.run(*words, "--local", "--verbose")
    assert "through a running server" not in here.stderr
    assert here.stdout == printed(pictures, *words)
    assert "A red circle and a blue square." in here.stdout


def test_a_picture_that_is_none_is_named_and_the_model_is_not_asked(pictures: House) -> None:
    (pictures.home / "broken.png").write_bytes(FILES["a.png"][:40])
    ended = pictures.run("--image", "broken.png", "What colour is it?")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "messages.0.content: picture 1 (broken.png)" in ended.stderr
