"""One answer, from tokens to text."""

from __future__ import annotations

from application.inference.answer_text import AnswerText
from domain.inference import Finished, FinishReason, GenerationEvent, TextDelta, Usage
from tests.support.fakes.codec import END, ByteDecoder


def events_of(
    text: str, *, stop: tuple[str, ...] = (), ends: FinishReason = FinishReason.STOP
) -> list[GenerationEvent]:
    """The answer's events when the engine says `text`, and then a stop token or no more."""
    answer = AnswerText(ByteDecoder(), stop, prompt_tokens=7)
    tokens = list(text.encode())
    if ends is FinishReason.STOP:
        tokens.append(END)
    events: list[GenerationEvent] = []
    for at, token in enumerate(tokens):
        events += answer.add(token, ends if at == len(tokens) - 1 else None)
        if answer.finished:
            break
    assert answer.finished
    return events


def joined(events: list[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_a_stop_token_counts_and_is_no_text() -> None:
    events = events_of("hey")
    assert joined(events) == "hey"
    assert events[-1] == Finished(FinishReason.STOP, Usage(7, 4))


def test_a_stop_token_that_could_be_spelled_is_no_text_either() -> None:
    answer = AnswerText(ByteDecoder(), (), prompt_tokens=1)
    assert answer.add(ord("x"), FinishReason.STOP) == [Finished(FinishReason.STOP, Usage(1, 1))]


def test_an_answer_cut_by_its_limit_says_so() -> None:
    assert events_of("hey", ends=FinishReason.LENGTH)[-1] == Finished(FinishReason.LENGTH, Usage(7, 3))


def test_a_stop_string_split_over_tokens_never_shows() -> None:
    events = events_of("one END two", stop=("END",))
    assert joined(events) == "one "
    assert events[-1] == Finished(FinishReason.STOP, Usage(7, 7)), "tokens are counted up to the stop string's last"


def test_what_looked_like_a_stop_string_is_shown_in_the_end() -> None:
    assert joined(events_of("one EN", stop=("END",))) == "one EN"


def test_a_stop_string_that_ends_with_the_limit_is_a_stop() -> None:
    events = events_of("one END", stop=("END",), ends=FinishReason.LENGTH)
    assert joined(events) == "one "
    assert events[-1] == Finished(FinishReason.STOP, Usage(7, 7))


def test_a_stop_string_held_back_for_a_longer_one_still_stops_at_the_end() -> None:
    events = events_of("a\n\nU", stop=("\n\nUser", "\nU"), ends=FinishReason.LENGTH)
    assert joined(events) == "a\n"
    assert isinstance(last := events[-1], Finished)
    assert last.reason is FinishReason.STOP


def test_an_emoji_over_four_tokens_comes_whole() -> None:
    pieces = [event.text for event in events_of("a🦉b") if isinstance(event, TextDelta)]
    assert pieces == ["a", "🦉", "b"]


def test_half_a_character_at_the_end_is_shown_as_such() -> None:
    answer = AnswerText(ByteDecoder(), (), prompt_tokens=1)
    first = answer.add("🦉".encode()[0], None)
    assert first == []
    assert joined(answer.add("🦉".encode()[1], FinishReason.LENGTH)) == "\ufffd"


def test_no_event_is_empty() -> None:
    assert all(event.text for event in events_of("a🦉b", stop=("b",)) if isinstance(event, TextDelta))
