"""An answer put together from its events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain.inference import Finished, FinishReason, GenerationEvent, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from entrypoints.cli.answer import Answer
from entrypoints.cli.presenters.answer_view import call_line
from tests.support.fakes.cli_services import FakeStream

texts = st.text(min_size=1, max_size=5)


class Unseen:
    """AnswerView that shows nothing."""

    def take(self, event: GenerationEvent) -> None:
        return

    def end(self, answer: Answer) -> None:
        return


@given(
    st.lists(st.one_of(texts.map(TextDelta), texts.map(ReasoningDelta))),
    st.lists(st.tuples(st.integers(0, 2), texts), max_size=8),
)
def test_pieces_joined_are_the_whole(said: list[TextDelta | ReasoningDelta], pieces: list[tuple[int, str]]) -> None:
    begun: set[int] = set()
    calls: list[GenerationEvent] = []
    for index, arguments in pieces:
        first = index not in begun
        begun.add(index)
        calls.append(ToolCallDelta(index, f"c{index}" if first else None, f"f{index}" if first else None, arguments))
    answer = Answer(0.0, lambda: 2.5)
    answer.listen(FakeStream([*said, *calls, Finished(FinishReason.STOP, Usage(1, 1))]), Unseen())
    assert answer.text == "".join(each.text for each in said if isinstance(each, TextDelta))
    assert answer.reasoning == "".join(each.text for each in said if isinstance(each, ReasoningDelta))
    assert [call.name for call in answer.calls] == [f"f{index}" for index in sorted(begun)]
    for index, call in zip(sorted(begun), answer.calls, strict=True):
        assert call.arguments == "".join(text for at, text in pieces if at == index)
    assert answer.total_seconds == 2.5


def test_calls_that_were_cut_short_are_no_part_of_the_turn() -> None:
    answer = Answer(0.0)
    answer.listen(FakeStream([TextDelta("a"), ToolCallDelta(0, "c", "f", "{")]), Unseen())
    assert answer.turn is not None
    assert (answer.turn.content, answer.turn.tool_calls) == ("a", ())


def test_thoughts_alone_are_no_turn() -> None:
    answer = Answer(0.0)
    answer.listen(FakeStream([ReasoningDelta("a")]), Unseen())
    assert answer.turn is None


@given(st.text(max_size=30))
def test_a_call_is_always_one_line(arguments: str) -> None:
    from domain.inference import ToolCall

    shown = call_line(ToolCall("c", "f", arguments))
    assert "\n" not in shown
    assert shown.startswith("f(")
