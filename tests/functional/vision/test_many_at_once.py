"""Pictures, words and another model, all at once, through one server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.support.trained_vision import Asker, drawing, user

COLOUR, ALL = "What colour is it?", "Describe the images."
COLOURS = ("red", "green", "blue", "yellow", "black", "white")
SHAPES = ("circle", "square", "triangle")


def test_eight_requests_about_pictures_at_once_are_each_answered_right(model: Asker) -> None:
    words = [f"a {colour} {SHAPES[at % 3]}" for at, colour in enumerate((*COLOURS, "red", "blue"))]
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda each: model.text(user(drawing(each), "Describe the image.")), words))
    assert told == [f"A{each[1:]}." for each in words]


def test_pictures_words_and_another_model_are_answered_beside_each_other(model: Asker) -> None:
    """Four ways of asking at once, six times each: every answer is the one that it has alone."""

    def about_pictures(at: int) -> tuple[str, str]:
        colour, other = COLOURS[at], COLOURS[at - 1]
        turn = user(drawing(f"a {colour} circle"), drawing(f"a {other} square"), ALL)
        return model.text(turn), f"A {colour} circle and a {other} square."

    def in_pieces(at: int) -> tuple[str, str]:
        colour = COLOURS[at]
        return "".join(model.pieces(user(COLOUR, drawing(f"a {colour} triangle")))), f"{colour.capitalize()}."

    def of_words(at: int) -> tuple[str, str]:
        return model.text({"role": "user", "content": "Count to ten."}), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."

    ask_demo = partial(model.text, {"role": "user", "content": "What can you do?"}, model="demo")
    alone = ask_demo()

    def of_the_text_model(at: int) -> tuple[str, str]:
        return ask_demo(), alone

    with ThreadPoolExecutor(24) as pool:
        jobs = [
            pool.submit(kind, at)
            for at in range(6)
            for kind in (about_pictures, in_pieces, of_words, of_the_text_model)
        ]
        told = [job.result() for job in jobs]
    assert len(alone) > 10
    assert [answer for answer, _ in told] == [expected for _, expected in told]


def test_a_picture_is_answered_while_the_text_model_is_in_the_middle_of_an_answer(model: Asker) -> None:
    question = {"role": "user", "content": "Tell me a long story."}
    whole = model.text(question, model="demo", max_tokens=400)
    chunks = model.ask(question, model="demo", max_tokens=400, stream=True)
    begun = "".join(next(chunks).choices[0].delta.content or "" for _ in range(3))
    assert model.text(user(drawing("a red circle"), COLOUR)) == "Red."
    rest = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert begun + rest == whole
    assert len(rest) > len(begun)
