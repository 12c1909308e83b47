"""What is thought, said and called in an answer with marks around thoughts and calls."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.inference import FinishReason, TextDelta, ToolCallDelta
from domain.inference.events import ReasoningDelta
from domain.inference.json_text import ControlEscaper, without_control_characters
from domain.inference.transcript import AnswerStart, Transcript
from domain.inference.transcript_marks import Words
from tests.support.transcripts import NESTED, OPEN_END, OPEN_JSON, TAGS, WHOLE_CALLS, Result, cut, rules, transcribed

CALL = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
CUT = FinishReason.LENGTH


def said(text: str, **how: object) -> Result:
    return transcribed([text], TAGS, **how)  # type: ignore[arg-type]


def read_with_tools(text: str, *, end: FinishReason = FinishReason.STOP, parallel: bool = True) -> Result:
    return transcribed([text], TAGS, tools=rules("f", "g", parallel=parallel), end=end)


# Thoughts


def test_a_thought_and_its_answer_lose_the_marks_and_the_space_around_them() -> None:
    result = said("<think>\nLet me see.\n\nYes.\n</think>\n\nAnswer \n")
    assert (result.reasoning, result.content) == ("Let me see.\n\nYes.", "Answer \n")


def test_space_before_a_thought_goes_and_before_an_answer_it_stays() -> None:
    assert said("\n <think>a</think>b") == Result("b", "a", ())
    assert said("\n b") == Result("\n b", "", ())


def test_an_empty_thought_is_none() -> None:
    assert said("<think>\n\n</think>\n\nAnswer") == Result("Answer", "", ())


def test_a_thought_that_the_prompt_opened_needs_only_its_end() -> None:
    opened = AnswerStart(in_thought=True)
    assert said("\nhm</think>\n\nAnswer", start=opened) == Result("Answer", "hm", ())
    assert said("<think>\nhm</think>Answer", start=opened) == Result("Answer", "hm", ()), "some repeat the mark"
    assert said("a <think> b</think>c", start=opened) == Result("c", "a <think> b", ())


def test_a_thought_that_never_ends_is_all_thought() -> None:
    assert said("<think>\nand then\n", end=CUT) == Result("", "and then", ())
    assert said("<think>\nand then </thi", end=CUT) == Result("", "and then </thi", ())


def test_the_mark_of_a_thought_inside_of_an_answer_is_text() -> None:
    text = "Write `<think>x</think>` like so:\n<think>\n"
    assert said(text) == Result(text, "", ())
    assert said("Stray</think>mark") == Result("Stray</think>mark", "", ())


def test_thoughts_may_follow_one_another_and_calls() -> None:
    assert said("<think>a</think>\n<think>b</think>c").reasoning == "a\n\nb"
    result = read_with_tools(f"<think>a</think>\n\n{CALL}\n<think>b</think>\nDone")
    assert (result.reasoning, result.content, len(result.calls)) == ("a\n\nb", "Done", 1)


def test_an_answer_that_goes_on_does_not_think_again() -> None:
    assert said(" <think>x", start=AnswerStart(in_text=True)) == Result(" <think>x", "", ())


def test_a_thought_is_shown_while_it_comes() -> None:
    transcript = Transcript(TAGS)
    shown = [transcript.feed(piece) for piece in ("<thi", "nk>\n", "One", " two", " \n", "</think", ">\n", "\nA")]
    assert shown == [[], [], [ReasoningDelta("One")], [ReasoningDelta(" two")], [], [], [], [TextDelta("A")]]


# Stop strings


def test_stop_strings_work_on_what_is_visible_only() -> None:
    result = said("<think>one END two</think>\n\nthree END four", stop=["END"])
    assert (result.reasoning, result.content, result.stopped) == ("one END two", "three ", True)
    assert not transcribed([CALL], TAGS, stop=['"a"'], tools=rules("f")).stopped
    assert said("<think>a</think>\n\nAnswer\n\nmore", stop=["\n\n"]).content == "Answer"


def test_a_stop_string_split_over_pieces_never_leaks_its_beginning() -> None:
    transcript = Transcript(TAGS, ["<|end|>"])
    assert [transcript.feed(piece) for piece in ("Hi <", "|en", "d|> more", "x")] == [[TextDelta("Hi ")], [], [], []]
    assert transcript.stopped


def test_text_that_only_looked_like_a_stop_string_is_shown() -> None:
    transcript = Transcript(TAGS, ["<|end|>"])
    assert [transcript.feed(piece) for piece in ("a <|e", "lse")] == [[TextDelta("a ")], [TextDelta("<|else")]]


def test_a_stop_string_waits_for_a_longer_one_that_began_before_it() -> None:
    for pieces, content in ((["a", "b", "c"], ""), (["a", "b", "d"], "a"), (["a", "b"], "a")):
        result = transcribed(pieces, stop=["abc", "b"])
        assert (result.content, result.stopped) == (content, True)


def test_space_before_a_stop_string_is_shown_where_tools_hold_it_back() -> None:
    assert transcribed(["a \n", "END"], TAGS, tools=rules("f"), stop=["END"]).content == "a \n"
    assert transcribed(["a \n"], TAGS, tools=rules("f")).content == "a \n"


def test_where_marks_begin_alike_the_longest_counts() -> None:
    call = '{"name": "f"}'
    assert transcribed([f"<<<{call}>>>x"], NESTED, tools=rules("f")).content == "x"
    assert transcribed([f"<<a>>x<<<{call}>>>"], NESTED, tools=rules("f")).reasoning == "a"
    words = Words(["<<", "<<<"], ["<"])
    assert [words.find(text, final=False) for text in ("a<", "a<<", "a<<<", "a<b")] == [
        *((1, None), (1, None), (1, "<<<"), (1, "<")),
    ]
    assert words.find("a<<", final=True) == (1, "<<")


# Calls


def test_a_call_is_its_name_and_the_text_of_its_arguments() -> None:
    arguments = '{ "a" : "\\"}{🦉</tool_call>", "b":[1,{"c": -2.5e3}] }'
    result = read_with_tools(f'<tool_call>\n{{"name": "f", "arguments": {arguments}}}\n</tool_call>')
    assert result == Result("", "", (("call_0", "f", arguments),), (), 1)


def test_arguments_are_shown_while_they_come() -> None:
    transcript = Transcript(TAGS, (), rules("f"))
    pieces = ["<tool_call>{", '"name": "f"', ', "arguments": {"a', '": 1', "}", "}</tool", "_call>\n"]
    assert [transcript.feed(piece) for piece in pieces] == [
        [],
        [],
        [ToolCallDelta(0, "call_0", "f", '{"a')],
        [ToolCallDelta(0, None, None, '": 1')],
        [ToolCallDelta(0, None, None, "}")],
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"arguments": {"a": [1]}, "name": "f"}', '{"a": [1]}'),
        ('{"parameters": {"a": 1}, "name": "f"}', '{"a": 1}'),
        ('{"name": "f", "arguments": "{\\"a\\": \\"\\u00e9\\"}"}', '{"a": "é"}'),
        ('{"name": "f", "arguments": "{\\"a\\":\n1}"}', '{"a":\n1}'),
        ('{"name": "f", "arguments": {"a\t":\n"b\n\x01\\\\"}}', '{"a\\t":\n"b\\n\\u0001\\\\"}'),
        ('{"name": "f", "arguments": "{\\"a\\": \\"\n\\t\\"}"}', '{"a": "\\n\\t"}'),
        ('{"name": "f", "arguments": null}', "{}"),
        ('{"name": "f", "arguments": ""}', "{}"),
        ('{"name": "f"}', "{}"),
        ('{"x": [{"name": "no"}], "type": "function", "n": 1.5, "name": "f", "arguments": {}}', "{}"),
        ('{"na\\u006de": "f", "arguments": {}, "arguments": {"b": 1}, "name": "g"}', "{}"),
        ('{"name": "f", "arguments": {"a": 1}', '{"a": 1}'),
        ('{"name": "f", "arguments": {"a": 1}}}', '{"a": 1}'),
    ],
)
def test_objects_of_many_shapes_are_the_call_they_mean(written: str, arguments: str) -> None:
    result = read_with_tools(f"<tool_call>{written}</tool_call>after")
    assert result == Result("after", "", (("call_0", "f", arguments),), (), 1)


@given(st.text('a"\\\\\n\t\x00\x1f🦉', max_size=12), st.lists(st.integers(0, 50), max_size=12))
def test_control_characters_are_escaped_and_mean_the_same_however_it_is_cut(value: str, places: list[int]) -> None:
    strict = json.dumps({"a": value, "b": value}, ensure_ascii=False)
    loose = strict.replace("\\n", "\n").replace("\\t", "\t").replace("\\u001f", "\x1f")
    escaper = ControlEscaper()
    written = "".join(escaper.feed(piece) for piece in cut(loose, places))
    assert written == without_control_characters(loose)
    if r"\\" not in strict:  # otherwise the replacements have changed the value
        assert written == strict


def test_a_call_keeps_the_id_that_the_model_gave_it() -> None:
    for written in '{"id": "x1", "name": "f"}', '{"name": "f", "id": "x1", "arguments": {}}':
        assert read_with_tools(f"<tool_call>{written}</tool_call>").calls == (("x1", "f", "{}"),)


def test_calls_are_numbered_and_text_stands_between_them() -> None:
    result = read_with_tools(f"I look.\n{CALL}\n{CALL}\n\nDone.\n{CALL}\n\n")
    assert [call_id for call_id, _, _ in result.calls] == ["call_0", "call_1", "call_2"]
    assert (result.content, result.complete_calls) == ("I look.\n\nDone.", 3)


def test_one_pair_of_marks_may_hold_several_objects() -> None:
    result = read_with_tools('<tool_call>{"name": "f"}\n {"name": "g"}</tool_call>x')
    assert ([name for _, name, _ in result.calls], result.content) == (["f", "g"], "x")
    half = read_with_tools('a<tool_call>{"name": "f"}\n {"name": "g"} {"name": 5}</tool_call>')
    assert (len(half.calls), half.content) == (2, 'a{"name": 5}</tool_call>')


def test_what_follows_an_object_inside_of_the_marks_is_of_no_interest() -> None:
    text = '<tool_call>{"name": "f"} or {"name": "g"}</tool_call>x'
    for pieces in [text], list(text):
        result = transcribed(pieces, TAGS, tools=rules("f", "g"))
        assert ([name for _, name, _ in result.calls], result.content) == (["f"], "x")


def test_a_list_of_calls_goes_to_the_parser() -> None:
    result = read_with_tools('<tool_call>[{"name": "f"}, {"name": "g", "arguments": {"a": 1}}]</tool_call>')
    assert [call[1:] for call in result.calls] == [("f", "{}"), ("g", '{"a": 1}')]


def test_an_answer_ends_with_its_first_call_where_one_is_wanted() -> None:
    result = read_with_tools(f"a{CALL}b{CALL}", parallel=False)
    assert (result.content, len(result.calls), result.ended, result.stopped) == ("a", 1, True, False)
    several = transcribed(['<call>[{"name":"f"},{"name":"f"}]</call>'], WHOLE_CALLS, tools=rules("f", parallel=False))
    assert (len(several.calls), several.ended) == (1, True)
    assert several.warnings == ("further calls were left out, because only one was wanted",)


def test_calls_are_text_where_no_tools_are_offered() -> None:
    assert said(CALL) == Result(CALL, "", ())


def test_a_name_that_is_not_on_offer_is_returned_with_a_warning() -> None:
    result = read_with_tools('<tool_call>{"name": "other"}</tool_call>')
    assert (result.calls, result.complete_calls) == ((("call_0", "other", "{}"),), 1)
    assert result.warnings == ("the model called 'other', which is not among the tools",)


def test_an_answer_may_begin_inside_of_a_call() -> None:
    result = transcribed(
        ['{"name": "f", "arguments": {}}\n</tool_call>'], TAGS, tools=rules("f"), start=AnswerStart(in_call=True)
    )
    assert result == Result("", "", (("call_0", "f", "{}"),), (), 1)


def test_a_call_ends_the_thought_it_begins_in() -> None:
    result = read_with_tools(f"<think>\nI look.\n{CALL}\n</think>\n\nDone </think>")
    assert (result.reasoning, result.content, result.complete_calls) == ("I look.", "Done </think>", 1)
    assert read_with_tools(f"<think>a{CALL}<think>b</think>c").reasoning == "a\n\nb"


def test_what_is_no_call_inside_of_a_thought_is_part_of_it() -> None:
    result = read_with_tools("<think>The mark is <tool_call>x</tool_call>, so.</think>Done")
    assert (result.reasoning, result.content) == ("The mark is <tool_call>x</tool_call>, so.", "Done")
    assert said(f"<think>a{CALL}</think>b").reasoning == f"a{CALL}", "no tools, no calls"


# Calls that go wrong


@pytest.mark.parametrize("inside", ["no call", '{"name": 5}', '{"name" "f"}', "{}", '{"arguments": [1], "name": "f"}'])
def test_what_cannot_be_read_is_given_as_text_with_its_marks(inside: str) -> None:
    text = f"a \n<tool_call>{inside}</tool_call> b"
    result = read_with_tools(text)
    assert (result.content, result.calls) == (text, ())
    assert len(result.warnings) == 1
    assert "could not be read" in result.warnings[0]


def test_a_call_cut_off_before_its_name_is_given_as_text() -> None:
    result = read_with_tools('<tool_call>\n{"na', end=CUT)
    assert (result.content, result.calls) == ('<tool_call>\n{"na', ())
    assert "cut off by the token limit" in result.warnings[0]


NAMED = [
    '{"name": "weather"',
    '{"name": "weather", "x": {"a": 1}',
    '{"name": "weather", "arguments": 5}',
    '{"name": "weather" "arguments": {}}',
    '{"name": "weather", "arguments": "no JSON"}',
]
IN_STRINGS = ['{"name": "weather", "argu', '{"name": "weather", "arguments": "{\\"a\\": 1']


@pytest.mark.parametrize("written", [*NAMED, *IN_STRINGS])
def test_what_has_a_name_but_neither_arguments_nor_an_end_is_given_as_text(written: str) -> None:
    text = f"a \n<tool_call>\n{written}"
    for end, problem in (FinishReason.STOP, "could not be read"), (CUT, "was cut off by the token limit"):
        result = read_with_tools(text, end=end)
        assert (result.content, result.calls) == (text, ())
        assert [problem in warning for warning in result.warnings] == [True]


@pytest.mark.parametrize("written", NAMED)
def test_the_call_after_one_that_was_given_as_text_is_read(written: str) -> None:
    text = f"<tool_call>\n{written}</tool_call>"
    result = read_with_tools(f"{text}\n{CALL}")
    assert (result.content, len(result.calls)) == (text, 1)


def test_a_call_cut_off_in_its_arguments_stays_as_far_as_it_came() -> None:
    result = read_with_tools('<tool_call>{"name": "f", "arguments": {"a": "b', end=CUT)
    assert (result.content, result.calls) == ("", (("call_0", "f", '{"a": "b'),))
    assert (result.complete_calls, result.warnings) == (0, ("the call of f was cut off by the token limit",))


def test_arguments_that_break_off_stay_and_the_next_call_is_read() -> None:
    result = read_with_tools(f'<tool_call>{{"name": "f", "arguments": {{"a": 1</tool_call>{CALL}')
    assert [call[2] for call in result.calls] == ['{"a": 1', '{"a": 1}']
    assert result.complete_calls == 1
    assert result.warnings == ("the arguments that the model gave f are no valid JSON object",)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_numbers_that_json_does_not_have_make_no_valid_call(number: str) -> None:
    streamed = read_with_tools(f'<tool_call>{{"name": "f", "arguments": {{"a": {number}}}}}</tool_call>')
    assert (len(streamed.calls), streamed.complete_calls) == (1, 0)
    assert streamed.warnings == ("the arguments that the model gave f are no valid JSON object",)
    for written in (
        f'{{"arguments": {{"a": {number}}}, "name": "f"}}',
        f'[{{"name": "f", "arguments": {{"a": {number}}}}}]',
    ):
        text = f"<tool_call>{written}</tool_call>"
        unread = read_with_tools(text)
        assert (unread.content, unread.calls) == (text, ())
        assert "could not be read" in unread.warnings[0]


def test_a_call_whose_closing_mark_is_missing_counts_when_the_model_stops() -> None:
    written = '<call>[{"name": "f"}]'
    assert transcribed([written], WHOLE_CALLS, tools=rules("f")).complete_calls == 1
    cut = transcribed([written], WHOLE_CALLS, tools=rules("f"), end=CUT)
    assert (cut.content, cut.complete_calls) == (written, 0), "a parser might read half a call as a shorter one"


def test_calls_without_a_closing_mark_go_on_to_the_end() -> None:
    text = '[{"name": "f"}, {"name": "f"}]'
    for end in FinishReason.STOP, CUT:
        result = transcribed(["Hi [TOOL", f"_CALLS]{text[:9]}", text[9:]], OPEN_END, tools=rules("f"), end=end)
        assert (result.content, len(result.calls)) == ("Hi", 2)


def test_an_object_without_a_closing_mark_ends_with_its_brace() -> None:
    result = transcribed(['[TOOL_CALLS]{"name": "f"} {"a": 1}'], OPEN_JSON, tools=rules("f"))
    assert (len(result.calls), result.content, result.warnings) == (1, '{"a": 1}', ())


def test_a_name_with_half_a_character_is_no_name() -> None:
    text = '<tool_call>{"name": "\\ud83e"}</tool_call>'
    assert transcribed([text], TAGS, tools=rules("f")).content == text
