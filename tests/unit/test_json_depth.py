"""How deeply JSON may be nested."""

from __future__ import annotations

import json

import pytest

from domain.inference import Message, Role, ToolCall
from domain.json_depth import MOST_LEVELS, too_deep


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[1,{"b":2,"a":', "}]")])
def test_the_limit_is_the_last_depth_that_is_taken(opening: str, closing: str) -> None:
    each = opening.count("[") + opening.count("{")
    most = MOST_LEVELS // each
    assert not too_deep(json.loads(opening * most + "0" + closing * most))
    assert too_deep(json.loads("[" + opening * most + "0" + closing * most + "]"))


def test_plain_values_and_wide_ones_are_not_deep() -> None:
    assert not any(map(too_deep, (None, 1, "[" * 999, [], {}, [[1]] * 999)))


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 900, 5000])
def test_arguments_nested_too_deeply_stay_text(levels: int) -> None:
    arguments = '{"a":' * levels + "0" + "}" * levels
    turn = Message(Role.ASSISTANT, "", tool_calls=(ToolCall("c", "f", arguments),)).for_template()
    assert turn["tool_calls"] == [{"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}]
