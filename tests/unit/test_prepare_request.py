"""From a request to a row: what is refused before any work is done, and what reaches the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from application.inference.answer_text import AnswerText
from application.inference.prepare_request import (
    USUAL_CHARACTERS_PER_TOKEN,
    FreshValues,
    PreparedRequest,
    PrepareRequest,
)
from domain.errors import CapabilityMismatch, ContextLengthExceeded, GenerationFailed, InvalidRequest, MlxkError
from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Message,
    OutputFormat,
    PromptOptions,
    ReasoningDelta,
    Role,
    TextDelta,
    TokenLimits,
    Tool,
    ToolCall,
    ToolMode,
    ToolUse,
    Urgency,
)
from domain.inference.text_length import TextLength
from ports.text_codec import EncodedPrompt
from ports.text_engine import RowStep
from ports.token_constraint import TokenConstraint
from tests.support.fakes.codec import END, ByteCodec
from tests.support.transcripts import CHANNELS, TAGS, calls_of

CONTEXT = 64
FRESH = FreshValues(lambda: 7, lambda: "call_fresh", lambda: 0.0)
USER = Message(Role.USER, "hello")
ASKING = GenerationRequest((USER,))
WITH_TOOLS = replace(ASKING, tools=ToolUse((Tool("f"), Tool("g"))))


class Counting(ByteCodec):
    """Counts how often it had to tokenise. prompt: what it makes of one, when given. fault: what it does instead."""

    encoded = 0

    def __init__(self, output_format: OutputFormat = TAGS, context_length: int = 512) -> None:
        super().__init__(context_length, output_format=output_format)
        self.prompt: EncodedPrompt | None = None
        self.fault: Exception | None = None

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        self.encoded += 1
        return self.prompt or super().encode(request)

    def constraint(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:
        if self.fault is not None:
            raise self.fault
        return super().constraint(request, prompt)


@dataclass
class AnyToken:
    """A TokenConstraint that constrains nothing."""

    def allowed(self) -> bytes | None:
        return None

    def accept(self, token: int) -> None:
        pass


def prepared(request: GenerationRequest, codec: ByteCodec) -> PreparedRequest:
    return PrepareRequest(codec, FRESH).execute(1, request)


def words(size: int) -> str:
    """Text of so many characters, without runs."""
    return ("ab" * size)[:size]


def conversation(*sizes: int) -> GenerationRequest:
    return GenerationRequest(messages=tuple(Message(Role.USER, words(size)) for size in sizes))


def read(text: AnswerText, answer: str) -> list[GenerationEvent]:
    events: list[GenerationEvent] = []
    for token in [*answer.encode(), END]:
        events += text.add(RowStep(1, token, FinishReason.STOP if token == END else None))
        if text.finished:
            break
    return events


def parts(events: Sequence[GenerationEvent]) -> tuple[str, str]:
    """What was said and what was thought."""
    return (
        "".join(event.text for event in events if isinstance(event, TextDelta)),
        "".join(event.text for event in events if isinstance(event, ReasoningDelta)),
    )


# Refused by numbers


def test_a_conversation_that_no_context_can_hold_is_refused_unread() -> None:
    codec = Counting(context_length=CONTEXT)
    with pytest.raises(ContextLengthExceeded, match="1,025 characters; a context of 64 tokens"):
        prepared(conversation(1000, CONTEXT * USUAL_CHARACTERS_PER_TOKEN - 999), codec)
    assert codec.encoded == 0


class LongTokens(Counting):
    """Has tokens of 128 spaces or dashes, and of 20 other characters."""

    def longest_token(self) -> TextLength:
        return TextLength(128, 20)


@pytest.mark.parametrize("long", ["    " * 500, "-" * 2000, "\n \t" * 700, "=" * 900 + " " * 900, "e\u0301" * 2000])
def test_runs_may_be_few_tokens_and_are_counted_in_tokens(long: str) -> None:
    codec = LongTokens(context_length=CONTEXT)
    codec.prompt = EncodedPrompt((1, 2, 3))
    for request in GenerationRequest((Message(Role.USER, long),)), conversation(CONTEXT * USUAL_CHARACTERS_PER_TOKEN):
        assert prepared(request, codec).row.prompt == (1, 2, 3)


def test_how_much_is_hopeless_depends_on_the_longest_token() -> None:
    codec = LongTokens(context_length=CONTEXT)
    codec.prompt = EncodedPrompt((1, 2, 3))
    assert prepared(conversation(CONTEXT * 20), codec)
    with pytest.raises(ContextLengthExceeded, match="1,281 characters"):
        prepared(conversation(CONTEXT * 20 + 1), codec)


def test_runs_that_no_token_is_long_enough_for_are_hopeless_too() -> None:
    codec = LongTokens(context_length=CONTEXT)
    with pytest.raises(ContextLengthExceeded, match="cannot hold it"):
        prepared(GenerationRequest((Message(Role.USER, "-" * (CONTEXT * 128 + 1)),)), codec)
    assert codec.encoded == 0


def test_old_thoughts_which_templates_leave_out_do_not_count() -> None:
    codec = Counting(context_length=CONTEXT)
    codec.prompt = EncodedPrompt((1, 2, 3))
    assert prepared(GenerationRequest((Message(Role.ASSISTANT, "", reasoning=TOO_MUCH), USER)), codec)


def test_a_fitting_one_becomes_a_row_with_the_rest_of_the_context() -> None:
    made = prepared(conversation(10), ByteCodec(CONTEXT))
    assert (len(made.row.prompt), made.row.max_tokens, made.row.sampling.seed) == (12, 52, 7)


TOO_MUCH = words(CONTEXT * USUAL_CHARACTERS_PER_TOKEN + 1)


@pytest.mark.parametrize(
    "request_",
    [
        GenerationRequest((Message(Role.ASSISTANT, "", tool_calls=(ToolCall("1", "f", TOO_MUCH),)), USER)),
        replace(ASKING, tools=ToolUse((Tool("f", TOO_MUCH),))),
        replace(ASKING, tools=ToolUse((Tool("f", parameters={"title": TOO_MUCH}),))),
    ],
)
def test_all_parts_of_a_conversation_are_counted(request_: GenerationRequest) -> None:
    codec = Counting(context_length=CONTEXT)
    with pytest.raises(ContextLengthExceeded, match="cannot hold it"):
        prepared(request_, codec)
    assert codec.encoded == 0


def test_tools_that_are_not_shown_are_not_counted() -> None:
    assert prepared(
        replace(ASKING, tools=ToolUse((Tool("f", TOO_MUCH),), ToolMode.NONE)), Counting(context_length=CONTEXT)
    )


@pytest.mark.parametrize(
    ("rule", "context", "tokens"),
    [
        (DefaultLength.HALF_CONTEXT, 8192, 4096),
        (DefaultLength.FULL_CONTEXT, 8192, 8185),
        (DefaultLength.MULTIMODAL, 8192, 2048),
        (DefaultLength.MULTIMODAL, 1024, 1017),
    ],
)
def test_a_defaulted_length_follows_its_rule_and_is_clipped_to_what_fits(
    rule: DefaultLength, context: int, tokens: int
) -> None:
    request = replace(ASKING, limits=TokenLimits(rule))
    assert prepared(request, Counting(context_length=context)).row.max_tokens == tokens
    capped = replace(ASKING, limits=TokenLimits(rule, server_default=100))
    assert prepared(capped, Counting(context_length=context)).row.max_tokens == 100


# What the engine gets


def test_everything_that_was_asked_for_reaches_the_engine() -> None:
    codec = Counting()
    codec.prompt = EncodedPrompt((1, 2, 3), anchors=(1, 2))
    codec.constraints["hello"] = constraint = AnyToken()
    row = prepared(replace(ASKING, logprobs=3, inspect=True, urgency=Urgency(5, 2.0)), codec).row
    assert (row.prompt, row.anchors, row.logprobs, row.count_stops) == ((1, 2, 3), (1, 2), 3, True)
    assert (row.constraint, row.urgency) == (constraint, Urgency(5, 2.0))
    plain = prepared(replace(ASKING, messages=(Message(Role.USER, "other"),)), codec).row
    assert (plain.logprobs, plain.count_stops, plain.constraint) == (None, False, None)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (InvalidRequest("no such grammar"), InvalidRequest),
        (CapabilityMismatch("no tools"), CapabilityMismatch),
        (ZeroDivisionError("oops"), GenerationFailed),
    ],
)
def test_a_codec_that_fails_keeps_its_own_words(fault: Exception, raised: type[MlxkError]) -> None:
    codec = Counting()
    codec.fault = fault
    with pytest.raises(raised, match=str(fault)) as caught:
        prepared(ASKING, codec)
    assert type(caught.value) is raised


# How the answer is read


def test_calls_are_read_where_tools_are_shown() -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    events = read(prepared(WITH_TOOLS, Counting()).text, call)
    assert calls_of(events) == (("call_fresh", "f", "{}"),)
    for request in ASKING, replace(ASKING, tools=ToolUse((Tool("f"),), ToolMode.NONE)):
        assert parts(read(prepared(request, Counting()).text, call)) == (call, "")


def test_one_call_is_enough_where_parallel_ones_are_not_wanted() -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    request = replace(ASKING, tools=ToolUse((Tool("f"),), parallel=False))
    assert len(calls_of(read(prepared(request, Counting()).text, call * 2))) == 1


def test_calls_of_other_forms_go_to_the_codec_with_the_tools() -> None:
    events = read(
        prepared(WITH_TOOLS, Counting()).text, '<tool_call>{"name": "f"</tool_call><tool_call>["f"]</tool_call>'
    )
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.warnings


@pytest.mark.parametrize(
    ("prompt", "answer", "expected"),
    [
        (EncodedPrompt((1,)), "a</think>b", ("a</think>b", "")),
        (EncodedPrompt((1,), reasoning_open=True), "a</think>b", ("b", "a")),
    ],
)
def test_an_answer_begins_where_the_prompt_leaves_off(
    prompt: EncodedPrompt, answer: str, expected: tuple[str, str]
) -> None:
    codec = Counting()
    codec.prompt = prompt
    assert parts(read(prepared(ASKING, codec).text, answer)) == expected


def test_an_answer_may_begin_inside_of_a_call() -> None:
    codec = Counting()
    codec.prompt = EncodedPrompt((1,), starts_tool_call=True)
    assert calls_of(read(prepared(WITH_TOOLS, codec).text, '{"name": "g"}</tool_call>')) == (("call_fresh", "g", "{}"),)


def test_an_answer_that_is_continued_goes_on_and_repeats_nothing() -> None:
    begun = GenerationRequest((USER, Message(Role.ASSISTANT, "The answer")))
    for codec in Counting(), Counting(CHANNELS):
        events = read(prepared(begun, codec).text, " <think>is 42")
        assert parts(events) == (" <think>is 42", "")
        assert not any(event.warnings for event in events if isinstance(event, Finished))


def test_an_answer_after_an_empty_turn_of_the_assistant_begins_afresh() -> None:
    empty = GenerationRequest((USER, Message(Role.ASSISTANT, "")))
    in_channels = "<|channel|>analysis<|message|>hm<|end|><|channel|>final<|message|>42"
    for form, answer in (TAGS, "<think>hm</think>42"), (CHANNELS, in_channels):
        made = prepared(empty, Counting(form))
        assert made.row.prompt == prepared(ASKING, Counting(form)).row.prompt
        assert parts(read(made.text, answer)) == ("42", "hm")


def test_without_a_template_text_needs_no_channel() -> None:
    bare = replace(ASKING, prompt=PromptOptions(template=False))
    last = read(prepared(bare, Counting(CHANNELS)).text, "just text")[-1]
    assert isinstance(last, Finished)
    assert last.warnings == ()


@pytest.mark.parametrize("side", ["Human", "Assistant", "You"])
def test_chat_stops_end_the_answer_too_with_the_line_feeds_before_them(side: str) -> None:
    request = replace(ASKING, chat_stops=True, stop=("END",))
    for between in "\n", "\n\n":
        answer = f"Hello\n\nthere.{between}{side}: b"
        assert parts(read(prepared(request, Counting()).text, answer)) == ("Hello\n\nthere.", "")
