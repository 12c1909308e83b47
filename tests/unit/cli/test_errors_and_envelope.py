"""One exit code and one envelope for every error of the tree."""

from __future__ import annotations

import json

import pytest

from domain.errors import AmbiguousModel, Interrupted, MlxkError, ModelNotRunnable, UsageError, leaves
from entrypoints.cli.envelope import SPEC_VERSION, encode, error_object, failure, success
from entrypoints.cli.errors import EXIT_CODES, error_lines, exit_code, unexpected


@pytest.mark.parametrize("kind", leaves(), ids=lambda kind: kind.__name__)
def test_every_error_has_an_exit_code(kind: type[MlxkError]) -> None:
    assert kind in EXIT_CODES
    expected = {UsageError: 2, Interrupted: 130}.get(kind, 1)
    assert exit_code(kind("x")) == expected


def test_a_subclass_outside_the_table_takes_its_parents_code() -> None:
    class Strange(UsageError):
        pass

    assert exit_code(Strange("x")) == 2


def test_the_error_object_says_what_there_is_to_say() -> None:
    error = AmbiguousModel("many", hint="choose", matches=["a/b", "a/c"], detail={"count": 2})
    assert error_object(error) == {
        "type": "ambiguous_match",
        "message": "many",
        "hint": "choose",
        "matches": ["a/b", "a/c"],
        "detail": {"count": 2},
    }


def test_the_error_object_leaves_out_what_there_is_not() -> None:
    assert error_object(UsageError("wrong")) == {"type": "CommandError", "message": "wrong"}


def test_the_code_is_told_where_it_says_more_than_the_type() -> None:
    assert error_object(ModelNotRunnable("no"))["code"] == "runtime_incompatible"


def test_people_see_command_message_candidates_and_way_out() -> None:
    error = AmbiguousModel("several match", hint="choose", matches=[f"org/model-{number}" for number in range(30)])
    lines = error_lines("show", error)
    assert lines[0] == "show: Error: several match"
    assert lines[1] == "  org/model-0"
    assert lines[-1] == "Hint: choose"
    assert "10 more" in lines[-2]


def test_candidates_are_not_told_twice() -> None:
    error = AmbiguousModel("can mean a/b, a/c", matches=["a/b", "a/c"])
    assert error_lines("show", error) == ["show: Error: can mean a/b, a/c"]


def test_a_fault_of_our_own_says_how_to_see_more() -> None:
    error = unexpected(KeyError("x"))
    assert error.message == "unexpected KeyError: 'x'"
    assert "MLXK2_DEBUG=1" in (error.hint or "")
    assert unexpected(ValueError()).message == "unexpected ValueError"


def test_an_envelope_is_readable_json_with_one_line_end() -> None:
    text = encode(success("list", {"name": "模型"}), "utf-8")
    assert "模型" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"status": "success", "command": "list", "data": {"name": "模型"}, "error": None}


@pytest.mark.parametrize("name", ["模型", "half \udcff"])
def test_what_the_output_cannot_hold_is_escaped(name: str) -> None:
    encoding = "ascii" if name.isprintable() else "utf-8"
    text = encode(success("list", {"name": name}), encoding)
    text.encode(encoding)
    assert json.loads(text)["data"]["name"] == name


def test_numbers_that_json_does_not_have_become_null() -> None:
    data = {"config": {"a": float("nan"), "b": [float("inf"), 1.5], "c": (-float("inf"),)}}
    text = encode(success("show", data), "utf-8")
    assert json.loads(text, parse_constant=pytest.fail)["data"] == {
        "config": {"a": None, "b": [None, 1.5], "c": [None]}
    }


def test_a_failure_carries_no_data() -> None:
    assert failure(None, UsageError("wrong")) == {
        "status": "error",
        "command": None,
        "data": None,
        "error": {"type": "CommandError", "message": "wrong"},
    }


def test_the_specification_is_past_the_one_it_started_from() -> None:
    assert tuple(map(int, SPEC_VERSION.split("."))) >= (0, 3, 0)


def test_an_integer_too_long_to_be_written_becomes_null() -> None:
    data = {"memory": {"bytes": 10**5000, "negative": [-(10**5000), 7]}, "sound": True}
    text = encode(success("show", data), "utf-8")
    assert json.loads(text)["data"] == {"memory": {"bytes": None, "negative": [None, 7]}, "sound": True}
