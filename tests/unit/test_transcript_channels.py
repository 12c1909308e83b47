"""What is thought, said and called in an answer that is divided into channels."""

from __future__ import annotations

import pytest

from domain.inference import FinishReason, ReasoningDelta, TextDelta, ToolCallDelta
from domain.inference.transcript import AnswerStart, Transcript
from tests.support.transcripts import CHANNELS, Result, rules, transcribed

THOUGHT = "<|channel|>analysis<|message|>Let me see.<|end|>"
FINAL = "<|start|>assistant<|channel|>final<|message|>"
TO_F = "<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
CUT = FinishReason.LENGTH


def read(text: str, *, stop: tuple[str, ...] = (), end: FinishReason = FinishReason.STOP) -> Result:
    return transcribed([text], CHANNELS, stop=stop, end=end)


def read_with_tools(text: str, *, end: FinishReason = FinishReason.STOP, parallel: bool = True) -> Result:
    return transcribed([text], CHANNELS, tools=rules("f", "g", parallel=parallel), end=end)


@pytest.mark.parametrize("ending", ["", "<|return|>", "<|end|>"])
def test_analysis_is_thought_and_final_is_said(ending: str) -> None:
    assert read(f"{THOUGHT}{FINAL}\n\nHello <b>\n{ending}") == Result("Hello <b>\n", "Let me see.", ())


def test_they_are_shown_while_they_come() -> None:
    transcript = Transcript(CHANNELS)
    pieces = [
        "<|channel|>",
        "analysis",
        "<|message|>",
        "One",
        " two",
        "<|end|>",
        "<|start|>",
        "assistant",
        "<|channel|>",
    ]
    shown = [transcript.feed(piece) for piece in [*pieces, "final", "<|message|>", "Hi", " you"]]
    assert [deltas for deltas in shown if deltas] == [
        [ReasoningDelta("One")],
        [ReasoningDelta(" two")],
        [TextDelta("Hi")],
        [TextDelta(" you")],
    ]


def test_a_thought_that_never_ends_is_all_thought() -> None:
    assert read("<|channel|>analysis<|message|>and then", end=CUT) == Result("", "and then", ())


def test_parts_of_a_kind_are_set_apart_by_an_empty_line() -> None:
    thoughts = f"{THOUGHT}<|start|>assistant{THOUGHT}"
    preamble = "<|start|>assistant<|channel|>commentary<|message|>First.<|end|>"
    assert read(f"{thoughts}{preamble}{FINAL}Now.") == Result("First.\n\nNow.", "Let me see.\n\nLet me see.", ())


@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=functions.f <|constrain|>json<|message|>",
        "<|channel|>commentary to=functions.f<|constrain|>json<|message|>",
        "<|channel|>commentary to=functions.f json<|message|>",
        "<|channel|>commentary to=f<|message|>",
        " to=functions.f<|channel|>commentary <|constrain|>json<|message|>",
        "<|start|>assistant to=functions.f<|channel|>analysis<|message|>",
    ],
)
def test_a_message_to_a_function_is_a_call(header: str) -> None:
    result = read_with_tools(f'{header} {{"a": {{"b": "}}🦉"}}}}\n<|call|>')
    assert result == Result("", "", (("call_0", "f", '{"a": {"b": "}🦉"}}'),), (), 1)


def test_arguments_are_json_that_every_client_can_read() -> None:
    result = read_with_tools(f'{TO_F}{{"a":\n"b\n\t\\\\"}}<|call|>')
    assert (result.calls, result.complete_calls) == ((("call_0", "f", '{"a":\n"b\\n\\t\\\\"}'),), 1)
    refused = read_with_tools(f'{TO_F}{{"a": NaN}}<|call|>')
    assert (refused.complete_calls, refused.warnings) == (
        0,
        ("the arguments that the model gave f are no valid JSON object",),
    )


def test_arguments_are_shown_while_they_come() -> None:
    transcript = Transcript(CHANNELS, (), rules("f"))
    shown = [transcript.feed(piece) for piece in (TO_F[9:], '{"a"', ": 1}", "<|call|>")]
    assert shown == [
        [ToolCallDelta(0, "call_0", "f", "")],
        [ToolCallDelta(0, None, None, '{"a"')],
        [ToolCallDelta(0, None, None, ": 1}")],
        [],
    ]


def test_a_call_ends_with_the_answer_too() -> None:
    assert read_with_tools(f'{TO_F}{{"a": 1}}').complete_calls == 1
    assert read_with_tools(f"{TO_F}<|call|>").calls == (("call_0", "f", "{}"),)


def test_a_preamble_is_said_and_calls_are_numbered() -> None:
    result = read_with_tools(
        f"{THOUGHT}<|start|>assistant<|channel|>commentary<|message|>I look.\n<|end|>{TO_F}{{}}<|end|>{TO_F}{{}}"
    )
    assert (result.content, result.reasoning) == ("I look.", "Let me see.")
    assert [call_id for call_id, _, _ in result.calls] == ["call_0", "call_1"]


def test_an_answer_ends_with_its_first_call_where_one_is_wanted() -> None:
    result = read_with_tools(f"{TO_F}{{}}<|call|>{TO_F}{{}}<|call|>", parallel=False)
    assert (len(result.calls), result.ended, result.complete_calls) == (1, True, 1)


def test_a_call_cut_off_stays_as_far_as_it_came() -> None:
    result = read_with_tools(f'{TO_F}{{"a": ', end=CUT)
    assert (result.calls, result.complete_calls) == ((("call_0", "f", '{"a":'),), 0)
    assert result.warnings == ("the call of f was cut off by the token limit",)


def test_arguments_that_are_no_object_stay_with_a_warning() -> None:
    result = read_with_tools(f"{TO_F}[1]<|call|>")
    assert (result.calls, result.complete_calls) == ((("call_0", "f", "[1]"),), 0)
    assert result.warnings == ("the arguments that the model gave f are no valid JSON object",)


def test_calls_are_text_where_no_tools_are_offered() -> None:
    result = read(f"{TO_F}{{}}<|call|>")
    assert result.content == f"{TO_F}{{}}"
    assert "begins oddly" in result.warnings[0]


def test_stop_strings_work_on_what_is_said_only() -> None:
    result = read(f"<|channel|>analysis<|message|>a END b<|end|>{FINAL}c END d", stop=("END", "final"))
    assert (result.reasoning, result.content, result.stopped) == ("a END b", "c ", True)


def test_the_answer_goes_on_where_the_prompt_left_off() -> None:
    for start, text, expected in (
        (AnswerStart(in_thought=True), f" hm <|end|>{FINAL}Yes", Result("Yes", "hm", ())),
        (AnswerStart(in_text=True), " and so on", Result(" and so on", "", ())),
        (AnswerStart(in_call=True), "f<|message|>{}", Result("", "", (("call_0", "f", "{}"),), (), 1)),
    ):
        assert transcribed([text], CHANNELS, tools=rules("f"), start=start) == expected


@pytest.mark.parametrize("mark", ["<|start|>assistant", ""])
def test_a_new_message_ends_the_one_before(mark: str) -> None:
    text = f"<|channel|>analysis<|message|>hm{mark}<|channel|>final<|message|>Yes"
    assert read(text) == Result("Yes", "hm", ())


@pytest.mark.parametrize(
    "header", ["<|channel|>weird<|message|>", "<|channel|>final oh no<|message|>", "to=f to=g<|message|>"]
)
def test_a_header_that_makes_no_sense_is_text_and_so_is_its_message(header: str) -> None:
    result = read_with_tools(f"{header}Hello<|end|>{FINAL}Bye")
    assert result.content == f"{header}Hello\n\nBye"
    assert len(result.warnings) == 1


@pytest.mark.parametrize(
    "text", ["Hello there", "to be or not", "assist", "<|start|>user: hi", "x" * 600, "<" + "y" * 600]
)
def test_an_answer_without_any_header_is_text(text: str) -> None:
    result = read(text)
    assert (result.content, len(result.warnings)) == (text, 1)


def test_a_header_that_does_not_end_is_shown_before_the_answer_does() -> None:
    transcript = Transcript(CHANNELS)
    assert transcript.feed("<|channel|>" + "y" * 300) == [TextDelta("<|channel|>" + "y" * 300)]


def test_a_long_beginning_is_no_header_however_it_goes_on() -> None:
    text = "to=" + "x" * 300 + " END more"
    assert transcribed(list(text), CHANNELS, stop=["END", "xx"]) == transcribed([text], CHANNELS, stop=["END", "xx"])


def test_a_header_that_ends_too_early_is_text_and_the_next_message_is_read() -> None:
    result = read_with_tools("<|channel|>final<|end|> to=functions.f<|channel|>commentary<|message|>{}<|call|>")
    assert (result.content, result.complete_calls) == ("<|channel|>final", 1)


def test_half_a_header_at_the_limit_is_nothing() -> None:
    assert read(f"{THOUGHT}<|start|>assistant<|chan", end=CUT) == Result("", "Let me see.", ())
