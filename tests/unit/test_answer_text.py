"""One answer, from tokens to events: text, logprobs, counts and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.inference.answer_text import AnswerFacts, AnswerText, TokenReader
from domain.inference import (
    PLAIN,
    Finished,
    FinishReason,
    GenerationEvent,
    OutputFormat,
    ReasoningDelta,
    Sampling,
    TextDelta,
    TokenLogprob,
    Usage,
)
from domain.inference.transcript import Transcript
from domain.inference.transcript_calls import CallRules
from ports.text_engine import RowStats, RowStep, TokenScore
from tests.support.fakes.codec import END, ByteCodec, ByteDecoder
from tests.support.transcripts import CHANNELS, TAGS, calls_of, rules

SAMPLING = Sampling(0.5, 0.9, seed=3)
STATS = RowStats(cached_tokens=5, waiting_seconds=1.0, prefill_seconds=2.0, decode_seconds=3.0, peak_memory_bytes=9)
CALL = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'


class Pieces:
    """TokenDecoder and spelling of a vocabulary of strings: token n is piece n, and all that are special are text."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = [piece.encode() for piece in pieces]
        self._decoder = ByteDecoder()

    def add(self, token: int) -> str:
        return "".join(self._decoder.add(byte) for byte in self._pieces[token])

    def finish(self) -> str:
        return self._decoder.finish()

    def spelled(self, token: int) -> bytes:
        return self._pieces[token] if token < len(self._pieces) else b"<end>"


def answer_of(
    decoder: ByteDecoder | Pieces,
    form: OutputFormat = PLAIN,
    *,
    stop: Sequence[str] = (),
    tools: CallRules | None = None,
    clock: Callable[[], float] = lambda: 0.0,
) -> AnswerText:
    spelled = decoder.spelled if isinstance(decoder, Pieces) else ByteCodec().token_bytes
    facts = AnswerFacts(7, SAMPLING, max_tokens=64)
    return AnswerText(TokenReader(decoder, spelled), Transcript(form, stop, tools), facts, clock)


def play(
    answer: AnswerText, tokens: Sequence[int], ends: FinishReason, *, scored: bool = False
) -> list[GenerationEvent]:
    """The answer's events when the engine says these tokens, and then a stop token or no more."""
    tokens = [*tokens, END] if ends is FinishReason.STOP else tokens
    events: list[GenerationEvent] = []
    for at, token in enumerate(tokens):
        last = at == len(tokens) - 1
        score = TokenScore(-float(at), ((token, -float(at)), (0, -9.0))) if scored else None
        stats = STATS if at == 0 or last else None
        events += answer.add(RowStep(1, token, ends if last else None, score=score, stats=stats))
        if answer.finished:
            break
    assert answer.finished
    return events


def events_of(
    text: str,
    form: OutputFormat = PLAIN,
    *,
    stop: tuple[str, ...] = (),
    tools: CallRules | None = None,
    ends: FinishReason = FinishReason.STOP,
) -> list[GenerationEvent]:
    """Of an answer whose tokens are its bytes."""
    return play(answer_of(ByteDecoder(), form, stop=stop, tools=tools), list(text.encode()), ends)


def joined(events: Sequence[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def end_of(events: Sequence[GenerationEvent]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def logprobs_of(events: Sequence[GenerationEvent]) -> list[TokenLogprob]:
    return [each for event in events if isinstance(event, TextDelta) for each in event.logprobs]


# Text and end


def test_a_stop_token_counts_and_is_no_text() -> None:
    events = events_of("hey")
    assert joined(events) == "hey"
    assert (end_of(events).reason, end_of(events).usage) == (FinishReason.STOP, Usage(7, 4, 0, 5))


def test_a_stop_token_that_could_be_spelled_is_no_text_either() -> None:
    events = answer_of(ByteDecoder()).add(RowStep(1, ord("x"), FinishReason.STOP))
    assert [type(event) for event in events] == [Finished]


def test_an_answer_cut_by_its_limit_says_so() -> None:
    end = end_of(events_of("hey", ends=FinishReason.LENGTH))
    assert (end.reason, end.usage.completion_tokens) == (FinishReason.LENGTH, 3)


def test_a_stop_string_split_over_tokens_never_shows() -> None:
    events = events_of("one END two", stop=("END",))
    assert joined(events) == "one "
    assert end_of(events).reason is FinishReason.STOP
    assert end_of(events).usage.completion_tokens == 7, "tokens are counted up to the stop string's last"


def test_what_looked_like_a_stop_string_is_shown_in_the_end() -> None:
    assert joined(events_of("one EN", stop=("END",))) == "one EN"


def test_a_stop_string_that_ends_with_the_limit_is_a_stop() -> None:
    events = events_of("one END", stop=("END",), ends=FinishReason.LENGTH)
    assert (joined(events), end_of(events).reason) == ("one ", FinishReason.STOP)


def test_a_stop_string_held_back_for_a_longer_one_still_stops_at_the_end() -> None:
    events = events_of("a\n\nU", stop=("\n\nUser", "\nU"), ends=FinishReason.LENGTH)
    assert (joined(events), end_of(events).reason) == ("a\n", FinishReason.STOP)


def test_an_emoji_over_four_tokens_comes_whole() -> None:
    pieces = [event.text for event in events_of("a🦉b") if isinstance(event, TextDelta)]
    assert pieces == ["a", "🦉", "b"]


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    answer = answer_of(ByteDecoder())
    assert list(answer.add(RowStep(1, "🦉".encode()[0]))) == []
    assert joined(answer.add(RowStep(1, "🦉".encode()[1], FinishReason.LENGTH))) == "\ufffd"


def test_no_event_is_empty() -> None:
    assert all(event.text for event in events_of("a🦉b", stop=("b",)) if isinstance(event, TextDelta))


# Calls


@pytest.mark.parametrize(
    ("text", "ends", "reason"),
    [
        (CALL, FinishReason.STOP, FinishReason.TOOL_CALLS),
        (f"{CALL}more", FinishReason.LENGTH, FinishReason.LENGTH),
        (f"{CALL}<tool_call>{{", FinishReason.LENGTH, FinishReason.LENGTH),
        (f"{CALL} END", FinishReason.LENGTH, FinishReason.TOOL_CALLS),
        ("<tool_call>{}</tool_call>", FinishReason.STOP, FinishReason.STOP),
    ],
)
def test_an_answer_ends_for_its_calls_when_one_is_complete_and_the_model_stopped(
    text: str, ends: FinishReason, reason: FinishReason
) -> None:
    assert end_of(events_of(text, TAGS, stop=("END",), tools=rules("f"), ends=ends)).reason is reason


def test_the_one_call_that_was_wanted_ends_the_answer_and_its_row() -> None:
    answer = answer_of(ByteDecoder(), TAGS, tools=rules("f", parallel=False))
    events = play(answer, list(f"{CALL}{CALL}".encode()), FinishReason.LENGTH)
    assert (len(calls_of(events)), end_of(events).reason) == (1, FinishReason.TOOL_CALLS)
    assert end_of(events).usage.completion_tokens <= len(CALL)


def test_what_went_wrong_is_told_at_the_end() -> None:
    assert "could not be read" in end_of(events_of("<tool_call>x</tool_call>", TAGS, tools=rules("f"))).warnings[0]


# Counts and report


@pytest.mark.parametrize(
    ("form", "pieces", "thought"),
    [
        (TAGS, ["<think>", "\n", "a", " b", "</think>", "\n\n", "c"], 5),
        (TAGS, ["<th", "ink>", "a", "b</think>c", "d"], 4),
        (TAGS, ["c", "<think>", "a", "</think>"], 0),
        (TAGS, ["<think>", "a", "b"], 3),
        (CHANNELS, ["<|channel|>", "analysis", "<|message|>", "a", "<|end|>", "<|start|>", "assistant"], 5),
    ],
)
def test_tokens_whose_text_begins_in_a_thought_are_reasoning(
    form: OutputFormat, pieces: list[str], thought: int
) -> None:
    for ends in FinishReason.STOP, FinishReason.LENGTH:
        events = play(answer_of(Pieces(pieces), form), range(len(pieces)), ends)
        assert end_of(events).usage.reasoning_tokens == thought


def test_the_report_says_how_it_was_made() -> None:
    events = play(answer_of(Pieces(["a", "b", "c"])), range(3), FinishReason.STOP)
    report = end_of(events).report
    assert report is not None
    assert (report.sampling, report.max_tokens, report.peak_memory_bytes) == (SAMPLING, 64, 9)
    assert (report.waiting_seconds, report.prefill_seconds, report.decode_seconds) == (1.0, 2.0, 3.0)
    assert report.last_tokens == ((1, "b"), (2, "c"), (END, "<end>"))


def test_an_answer_that_ends_early_measures_itself_and_keeps_what_is_known() -> None:
    times = iter([10.0, 14.5])
    answer = answer_of(Pieces(["a", "END", "b"]), stop=["END"], clock=lambda: next(times))
    end = end_of(play(answer, range(3), FinishReason.STOP))
    assert end.report is not None
    assert (end.report.prefill_seconds, end.report.decode_seconds) == (2.0, 4.5)
    assert end.usage == Usage(7, 2, 0, 5)


# Logprobs


def scored(
    pieces: Sequence[str], form: OutputFormat = PLAIN, *, stop: Sequence[str] = (), tools: CallRules | None = None
) -> list[GenerationEvent]:
    answer = answer_of(Pieces(pieces), form, stop=stop, tools=tools)
    return play(answer, range(len(pieces)), FinishReason.STOP, scored=True)


def test_a_logprob_goes_with_the_text_of_its_token() -> None:
    events = scored(["One", " two"])
    assert [
        (event.text, [each.chosen.text for each in event.logprobs]) for event in events if isinstance(event, TextDelta)
    ] == [
        ("One", ["One"]),
        (" two", [" two"]),
    ]
    chosen, top = logprobs_of(events)[1].chosen, logprobs_of(events)[1].top
    assert (chosen.raw, chosen.logprob) == (b" two", -1.0)
    assert [(each.text, each.logprob) for each in top] == [(" two", -1.0), ("One", -9.0)]


def test_thoughts_calls_marks_and_stop_strings_have_none() -> None:
    pieces = [
        "<think>",
        "a",
        "</think>",
        "\n",
        "b",
        "\n",
        *("<tool_call>", '{"name": "f"}', "</tool_call>"),
        "c",
        "EN",
        "D",
    ]
    assert [each.chosen.text for each in logprobs_of(scored(pieces, TAGS, stop=["END"], tools=rules("f")))] == [
        "b",
        "c",
    ]


def test_a_token_that_is_only_partly_text_has_one() -> None:
    pieces = ["<think>a", "</think>b", "c<", "tool_call>{", '"name": "f"}', "</tool_call>d", "eEN", "D"]
    found = logprobs_of(scored(pieces, TAGS, stop=["END"], tools=rules("f")))
    assert [each.chosen.text for each in found] == ["</think>b", "c<", "</tool_call>d", "eEN"]


def test_all_tokens_of_one_character_come_with_it() -> None:
    answer = answer_of(ByteDecoder())
    events = play(answer, list("a🦉".encode()), FinishReason.STOP, scored=True)
    counts = [(event.text, len(event.logprobs)) for event in events if isinstance(event, TextDelta)]
    assert counts == [("a", 1), ("🦉", 4)]
    half = play(answer_of(ByteDecoder()), list("a🦉".encode()[:3]), FinishReason.LENGTH, scored=True)
    assert b"".join(each.chosen.raw for each in logprobs_of(half)) == "a🦉".encode()[:3]


WORDS = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    '{"name": "f"}',
    "a",
    "b ",
    "\n",
    "🦉",
    "EN",
    "D",
    "<",
    "E",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12), st.booleans(), st.booleans())
def test_logprobs_cover_the_text_once_and_in_order(pieces: list[str], stops: bool, tools: bool) -> None:
    events = scored(pieces, TAGS, stop=["END"] if stops else [], tools=rules("f") if tools else None)
    places = [int(-each.chosen.logprob) for each in logprobs_of(events)]
    assert places == sorted(set(places))
    covered = "".join(pieces[at] for at in places)
    rest = iter(covered)
    assert all(char in rest for char in joined(events)), "each character of the text is in a token that is reported"
    assert not logprobs_of([event for event in events if isinstance(event, ReasoningDelta)])
