"""A call as a JSON object: what is shown of it while it comes, and what breaks it."""

from __future__ import annotations

import pytest

from domain.inference.json_call import JsonCall


def fed(text: str, step: int = 1) -> tuple[JsonCall, int]:
    """The call and how many characters it took."""
    call, taken = JsonCall(), 0
    for at in range(0, len(text), step):
        count = call.feed(text[at : at + step])
        taken += count
        if count < len(text[at : at + step]):
            break
    return call, taken


@pytest.mark.parametrize("step", [1, 2, 1000])
@pytest.mark.parametrize(
    ("text", "name", "arguments", "call_id"),
    [
        ('{"name": "f", "arguments": {"a": [1, {"b": "}"}]}}', "f", '{"a": [1, {"b": "}"}]}', ""),
        ('{"arguments": {"a": 1}, "name": "f"}', "f", '{"a": 1}', ""),
        ('{"parameters": {}, "name": "f", "id": "c1"}', "f", "{}", ""),
        ('{"id": "c1", "name": "f", "parameters": {}}', "f", "{}", "c1"),
        ('{"id": 7, "name": "f"}', "f", "{}", ""),
        ('{"name": "f", "id": "late"}', "f", "{}", "late"),
        (' {\n"name" :\t"f" , "arguments" : null } ', "f", "{}", ""),
        ('{"name": "f", "arguments": ""}', "f", "{}", ""),
        ('{"name": "f", "arguments": " "}', "f", "{}", ""),
        ('{"name": "f", "arguments": "{\\"a\\": 1}"}', "f", '{"a": 1}', ""),
        ('{"name": "f", "name": "g", "arguments": {"a": 1}, "arguments": {"b": 2}}', "f", '{"a": 1}', ""),
        ('{"other": [1, "]"], "more": -1.5e3, "name": "f", "arguments": {"a": true}}', "f", '{"a": true}', ""),
        ('{"name": "f\\u0041\\"", "arguments": {"a": "x\\\\"}}', 'fA"', '{"a": "x\\\\"}', ""),
        ('{"name": "f", "arguments": {"a": "one\ntwo"}}', "f", '{"a": "one\\ntwo"}', ""),
    ],
)
def test_a_whole_call_is_read_in_pieces_of_any_length(
    text: str, name: str, arguments: str, call_id: str, step: int
) -> None:
    call, taken = fed(text, step)
    assert (call.name, call.call_id, call.take_arguments()) == (name, call_id, arguments)
    assert (call.done, call.broken, call.valid, call.whole, call.begun) == (True, False, True, True, True)
    assert taken == len(text.rstrip())
    assert call.take_arguments() == ""


def test_of_a_call_that_has_only_begun_nothing_is_decided() -> None:
    call = JsonCall()
    assert (call.done, call.broken, call.valid, call.begun, call.whole) == (False, False, False, False, False)
    assert (call.name, call.call_id, call.take_arguments()) == (None, "", "")
    call.feed('{"name": "f", ')
    assert (call.name, call.begun, call.take_arguments()) == ("f", False, "")
    call.feed('"arguments": {"a"')
    assert (call.begun, call.whole, call.done) == (True, False, False)
    assert call.take_arguments() == '{"a"'
    call.feed(": 1}")
    assert (call.whole, call.done, call.take_arguments()) == (True, False, ": 1}")


def test_arguments_before_the_name_wait_for_it() -> None:
    call, _ = fed('{"arguments": {"a": 1}, ')
    assert (call.begun, call.take_arguments()) == (False, "")
    call.feed('"name": "f"')
    assert (call.begun, call.take_arguments()) == (True, '{"a": 1}')


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("x", 0),
        ("[", 0),
        ("{x", 1),
        ("{,", 1),
        ('{"a" x', 5),
        ('{"a": 1 "b"', 8),
        ('{"a": 1, }', 9),
        ("{}", 2),
        ('{"a": 1}', 8),
        ('{"name": ""', 11),
        ('{"name": 7,', 10),
        ('{"name": ["f"]', 14),
        ('{"name": NaN,', 12),
        ('{"a": tru,', 9),
        ('{"a": "\\x"', 10),
        ('{"a": "\\ud800"', 14),
        ('{"arguments": {"a": ?', 20),
        ('{"arguments": {a}', 17),
        ('{"name": "f", "arguments": [1]', 30),
        ('{"name": "f", "arguments": "{"', 30),
        ('{"name": "f", "arguments": 7}', 28),
    ],
)
def test_what_is_no_call_breaks_at_its_first_wrong_character(text: str, taken: int) -> None:
    call, count = fed(text)
    assert (call.broken, call.done, count) == (True, False, taken)
    assert call.feed("more") == 0


def test_arguments_that_were_shown_and_are_no_object_end_without_being_valid() -> None:
    call, _ = fed('{"name": "f", "arguments": {"a": 1,}}')
    assert (call.done, call.broken, call.valid, call.whole) == (True, False, False, False)
    assert call.take_arguments() == '{"a": 1,}'
