"""What the trained model says of drawings, through the real server and the official client."""

from __future__ import annotations

import pytest

from domain.inference.picture_table import listed_pictures, without_tables
from tests.support.trained_vision import Asker, drawing, said, user

COLOUR, SHAPE, COUNT = "What colour is it?", "Which shape is it?", "How many shapes are there?"
ONE, ALL, COLOURS = "Describe the image.", "Describe the images.", "Which colours are they?"
RED, BLUE, GREEN = drawing("a red circle"), drawing("a blue square"), drawing("a green triangle")
TABLE = {"mlxk": {"image_table": True}}


@pytest.mark.parametrize(
    ("words", "question", "answer"),
    [
        ("a red circle", COLOUR, "Red."),
        ("a white square", COLOUR, "White."),
        ("two black circles", COLOUR, "Black."),
        ("a green triangle", SHAPE, "A triangle."),
        ("a yellow circle", SHAPE, "A circle."),
        ("a blue square", COUNT, "One."),
        ("two yellow triangles", COUNT, "Two."),
        ("three blue squares", COUNT, "Three."),
        ("a black square", ONE, "A black square."),
        ("two green circles", ONE, "Two green circles."),
        ("three red triangles", ONE, "Three red triangles."),
    ],
)
def test_it_says_what_is_in_a_picture(model: Asker, words: str, question: str, answer: str) -> None:
    assert model.text(user(drawing(words), question)) == answer


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "HEIF"])
def test_it_sees_the_same_in_every_kind_of_file_streamed_and_whole(model: Asker, kind: str) -> None:
    turn = user(drawing("a blue square", kind), ONE)
    assert model.text(turn) == "A blue square."
    pieces = model.pieces(turn)
    assert "".join(pieces) == "A blue square."
    assert len(pieces) > 1


def test_it_tells_several_pictures_apart_and_knows_their_order(model: Asker) -> None:
    assert model.text(user(RED, BLUE, COLOURS)) == "Red and blue."
    assert model.text(user(BLUE, RED, COLOURS)) == "Blue and red."
    assert model.text(user(RED, BLUE, ALL)) == "A red circle and a blue square."
    assert model.text(user(GREEN, RED, BLUE, COLOURS)) == "Green, red and blue."
    assert model.text(user(GREEN, RED, BLUE, ALL)) == "A green triangle, a red circle and a blue square."


def test_the_words_may_stand_before_between_or_after_the_pictures(model: Asker) -> None:
    for turn in (user(COLOUR, RED), user(RED, COLOUR)):
        assert model.text(turn) == "Red."
    for turn in (user(COLOURS, RED, BLUE), user(RED, COLOURS, BLUE), user(RED, BLUE, COLOURS)):
        assert model.text(turn) == "Red and blue."


def test_it_answers_without_a_picture_too(model: Asker) -> None:
    assert model.text({"role": "user", "content": "Who are you?"}) == "I am a tiny vision model."
    assert model.text({"role": "user", "content": "Count to ten."}) == "1, 2, 3, 4, 5, 6, 7, 8, 9, 10."


def test_the_next_questions_about_a_picture_do_not_read_it_again(model: Asker) -> None:
    picture = drawing("a yellow triangle")
    history = [user(picture, COLOUR)]
    first = model.ask(*history)
    for question, answer in ((SHAPE, "A triangle."), (ONE, "A yellow triangle.")):
        history += [said(model.text(*history)), user(question)]
        next_one = model.ask(*history)
        assert next_one.choices[0].message.content == answer
        assert next_one.usage.prompt_tokens_details.cached_tokens >= first.usage.prompt_tokens


def test_a_new_picture_in_the_next_turn_is_the_one_that_is_asked_about(model: Asker) -> None:
    history = (user(RED, COLOUR), said("Red."))
    assert model.text(*history, user(BLUE, COLOUR)) == "Blue."
    assert model.text(*history, user(GREEN, ONE)) == "A green triangle."
    assert model.text(*history, user(SHAPE)) == "A circle."


def test_what_was_asked_about_another_picture_leaves_no_trace(model: Asker) -> None:
    """The same words about the same place in the prompt: only the picture is another."""
    answers = [model.text(user(picture, COLOUR)) for picture in (RED, BLUE, GREEN, BLUE, RED)]
    assert answers == ["Red.", "Blue.", "Green.", "Blue.", "Red."]


@pytest.mark.parametrize("again", [True, False])
def test_pictures_keep_their_numbers_sent_again_or_not_and_the_answers_stay_right(model: Asker, again: bool) -> None:
    asked = user(RED, BLUE, COLOURS)
    first = model.text(asked, extra_body=TABLE)
    assert without_tables(first) == "Red and blue."
    assert [number for number, _ in listed_pictures(first)] == [1, 2]
    names = {name: number for number, name in listed_pictures(first)}
    history = asked if again else user(COLOURS)
    second = model.text(history, said(first), user(BLUE, SHAPE), extra_body=TABLE)
    assert [(names[name], number) for number, name in listed_pictures(second)] == [(2, 2)]
    assert without_tables(second) == "A square."
    third = model.text(history, said(first), user(BLUE, SHAPE), said(second), user(GREEN, COLOUR), extra_body=TABLE)
    assert [number for number, _ in listed_pictures(third)] == [3]
    assert without_tables(third) == "Green."


def test_the_table_stands_before_the_answer_unless_nobody_wants_it(model: Asker) -> None:
    with_table = model.text(user(RED, COLOUR), extra_body=TABLE)
    assert with_table.startswith("<details>\n<summary>Image Metadata (1 image)</summary>\n")
    assert with_table.endswith("</details>\n\nRed.")
    assert "".join(model.pieces(user(RED, COLOUR), extra_body=TABLE)) == with_table
    assert model.text(user(RED, COLOUR), extra_body={"mlxk": {"image_table": False}}) == "Red."


def test_groups_of_a_chunk_are_answered_as_if_each_were_asked_alone(model: Asker) -> None:
    pictures = (RED, BLUE, GREEN, drawing("a white circle"), drawing("a black triangle"))
    alone = [model.ask(user(*group, ALL)) for group in (pictures[:2], pictures[2:4], pictures[4:])]
    chunked = model.ask(user(*pictures, ALL), extra_body={"chunk": 2})
    answers = [each.choices[0].message.content for each in alone]
    assert answers[:2] == ["A red circle and a blue square.", "A green triangle and a white circle."]
    assert chunked.choices[0].message.content == "\n\n".join(answers)
    assert chunked.usage.completion_tokens == sum(each.usage.completion_tokens for each in alone)
    one_by_one = model.pieces(user(*pictures, COLOUR), extra_body={"chunk": 1})
    assert "".join(one_by_one) == "Red.\n\nBlue.\n\nGreen.\n\nWhite.\n\nBlack."
    assert len(one_by_one) >= len(pictures) * 2


def test_a_group_sees_nothing_of_the_others_but_all_of_the_conversation(model: Asker) -> None:
    history = (user(RED, COLOUR), said("Red."))
    two = user(BLUE, GREEN, COLOUR)
    assert model.text(*history, two, extra_body={"chunk": 1}) == "Blue.\n\nGreen."
    grouped = model.ask(*history, two, extra_body={"chunk": 1}).usage.prompt_tokens
    alone = [model.ask(*history, user(each, COLOUR)).usage.prompt_tokens for each in (BLUE, GREEN)]
    assert grouped == sum(alone)


def test_the_temperature_is_the_one_that_was_asked_for(model: Asker) -> None:
    turn = user(RED, "Is it raining in the picture?")
    wild = {seed: model.text(turn, temperature=2, seed=seed, max_tokens=12) for seed in range(6)}
    assert len(set(wild.values())) > 1
    assert model.text(turn, temperature=2, seed=3, max_tokens=12) == wild[3]
    assert len({model.text(turn, temperature=0, seed=seed, max_tokens=12) for seed in range(3)}) == 1


def test_a_text_model_goes_on_with_the_conversation_and_reads_a_note_for_the_pictures(model: Asker) -> None:
    history = (user(RED, BLUE, COLOURS), said("Red and blue."), {"role": "user", "content": "Who are you?"})
    noted = f"{COLOURS}\n\n[2 image(s) were attached]"
    spelled_out = ({"role": "user", "content": noted}, *history[1:])
    switched = model.ask(*history, model="demo")
    assert switched.choices[0].message.content
    assert model.explained(*spelled_out, model="demo")["matched_tokens"] == switched.usage.prompt_tokens
    assert model.text(*spelled_out, model="demo") == switched.choices[0].message.content
