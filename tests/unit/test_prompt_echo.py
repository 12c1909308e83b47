"""A prompt told back before its answer: its text, its tokens' scores, and where they stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from application.inference.answer_text import TokenReader
from application.inference.prepare_request import FreshValues, PreparedRequest, PrepareRequest
from application.inference.prompt_echo import PromptEcho
from domain.errors import ContextLengthExceeded, InvalidRequest
from domain.inference import (
    BarePrompt,
    DefaultLength,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    PromptDelta,
    PromptOptions,
    PromptProgress,
    TextDelta,
    TokenLimits,
)
from ports.text_codec import EncodedPrompt
from ports.text_engine import RowStats, RowStep, TokenScore
from tests.support.fakes.codec import END, ByteCodec, ByteDecoder
from tests.support.fakes.engine import ScriptedEngine, says
from tests.support.running_loop import Running
from tests.support.transcripts import TAGS

FRESH = FreshValues(lambda: 7, lambda: "call_fresh", lambda: 0.0)
HALF = TokenScore(-0.5, ((65, -0.25), (66, -0.5)))


def bare(text: str | None = "héy", tokens: tuple[int, ...] = (), **fields: object) -> GenerationRequest:
    """With echo unless it says otherwise."""
    prompt = BarePrompt(text, tokens, **{"echo": True, "answers": True, **fields})  # type: ignore[arg-type]
    return GenerationRequest((), prompt=PromptOptions(template=False), bare=prompt)


def prepared(request: GenerationRequest, context_length: int = 64) -> PreparedRequest:
    return PrepareRequest(ByteCodec(context_length, output_format=TAGS), FRESH).execute(1, request)


def reader() -> TokenReader:
    return TokenReader(ByteDecoder(), ByteCodec().token_bytes)


def played(request: GenerationRequest, *steps: RowStep) -> list[GenerationEvent]:
    answer = prepared(request).text
    return [event for step in steps for event in answer.add(step)]


def token(number: int, finish: FinishReason | None = None, score: TokenScore | None = None) -> RowStep:
    return RowStep(1, number, finish, score=score, stats=RowStats())


def offsets(delta: GenerationEvent) -> list[int]:
    assert isinstance(delta, PromptDelta | TextDelta)
    return [each.offset for each in delta.logprobs]


def test_the_engine_is_asked_for_what_the_request_wants() -> None:
    scored = replace(bare(), logprobs=3)
    wanted = [
        (bare(echo=False), None, False),
        (replace(bare(echo=False), logprobs=3), None, False),
        (bare(), None, False),
        (scored, 3, False),
        (replace(bare(answers=False), logprobs=3), 3, True),
        (bare(answers=False), 0, True),
    ]
    for request, score_prompt, only_read in wanted:
        row = prepared(request).row
        assert (row.score_prompt, row.only_read) == (score_prompt, only_read)
        assert row.prompt == tuple("héy".encode())
    assert prepared(replace(bare(), progress=True)).row.progress


def test_an_echo_comes_once_before_the_answer() -> None:
    events = played(bare(), token(ord("a")), token(ord("b")), token(END, FinishReason.STOP))
    assert [type(event) for event in events] == [PromptDelta, TextDelta, TextDelta, Finished]
    assert events[0] == PromptDelta("héy")


def test_scores_come_piece_by_piece_and_the_first_token_before_them() -> None:
    request = replace(bare(), logprobs=2)
    steps = [RowStep(1, None, prompt_scores=(HALF,)), RowStep(1, None, prompt_scores=(HALF, HALF))]
    first, second, *_ = played(request, *steps, token(ord("a"), score=HALF))
    assert isinstance(first, PromptDelta)
    assert isinstance(second, PromptDelta)
    assert (first.text, second.text) == ("héy", "")
    assert [each.chosen.raw for each in (*first.logprobs, *second.logprobs)] == [b"h", b"\xc3", b"\xa9", b"y"]
    assert [each.chosen.logprob for each in first.logprobs] == [0.0, -0.5]
    assert [each.text for each in first.logprobs[1].top] == ["A", "B"]
    assert offsets(first) + offsets(second) == [0, 1, 1, 2]


def test_a_prompt_of_one_token_has_its_entry_too() -> None:
    (first, *_) = played(replace(bare("a"), logprobs=0), token(ord("b"), score=HALF))
    assert isinstance(first, PromptDelta)
    assert [each.chosen.text for each in first.logprobs] == ["a"]


def test_a_prompt_that_is_only_read_ends_without_an_answer() -> None:
    asked = replace(bare(answers=False), logprobs=1)
    steps = [RowStep(1, None, prompt_scores=(HALF,) * 3), RowStep(1, None, FinishReason.LENGTH, stats=RowStats())]
    *told, end = played(asked, *steps)
    assert [type(event) for event in told] == [PromptDelta]
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.prompt_tokens, end.usage.completion_tokens) == (FinishReason.LENGTH, 4, 0)
    assert end.report is not None
    assert end.report.max_tokens == 0


def test_scores_nobody_asked_for_are_not_told() -> None:
    steps = [RowStep(1, None, prompt_scores=(HALF,) * 3), RowStep(1, None, FinishReason.LENGTH, stats=RowStats())]
    events = played(bare(answers=False), *steps)
    assert events[0] == PromptDelta("héy")
    assert len(events) == 2


def test_tokens_that_were_put_before_a_text_have_no_part_in_it() -> None:
    prompt = EncodedPrompt((1, *b"abc"), added=1)
    told = PromptEcho(prompt, "abc", reader(), scored=True).tell((HALF,) * 3)
    assert told.text == "abc"
    assert offsets(told) == [0, 0, 1, 2]


def test_a_text_that_its_tokenizer_spells_longer_is_told_as_it_was_given() -> None:
    told = PromptEcho(EncodedPrompt(tuple(b"a  b")), "a b", reader(), scored=True).tell((HALF,) * 3)
    assert told.text == "a b"
    assert offsets(told) == [0, 1, 2, 3]


def test_token_ids_are_told_as_the_text_they_stand_for() -> None:
    (first, *_) = played(bare(None, tuple("é!".encode())), token(ord("a")))
    assert first == PromptDelta("é!")


def test_a_stop_token_has_a_score_and_no_text() -> None:
    request = replace(bare(echo=False), logprobs=1)
    *_, last, end = played(request, token(ord("a"), score=HALF), token(END, FinishReason.STOP, HALF))
    assert isinstance(last, TextDelta)
    assert (last.text, offsets(last)) == ("", [1])
    assert isinstance(end, Finished)


def test_nothing_of_an_answer_to_a_bare_prompt_is_a_thought() -> None:
    events = played(bare(echo=False), *(token(byte) for byte in b"<think>a</think>"), token(END, FinishReason.STOP))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "<think>a</think>"


def test_progress_comes_before_the_echo() -> None:
    asked = replace(bare(), progress=True)
    events = played(asked, RowStep(1, None, read=2), RowStep(1, None, read=4), token(ord("a")))
    assert events[:3] == [PromptProgress(2, 4), PromptProgress(4, 4), PromptDelta("héy")]


def test_a_prompt_may_fill_the_context_when_nothing_follows() -> None:
    full = "a" * 64
    assert prepared(bare(full, answers=False)).row.max_tokens == 1
    with pytest.raises(ContextLengthExceeded) as caught:
        prepared(bare(full + "a", answers=False))
    assert caught.value.param == "prompt"
    with pytest.raises(ContextLengthExceeded):
        prepared(bare(full))


def test_a_prompt_without_tokens_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        prepared(bare(""))
    assert caught.value.param == "prompt"


@pytest.mark.parametrize("wrong", [{"text": None}, {"text": "a", "tokens": (1,)}, {"text": "a", "answers": False}])
def test_what_is_no_bare_prompt_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        BarePrompt(**wrong)  # type: ignore[arg-type]


def test_a_loop_tells_the_whole_of_it_in_order() -> None:
    running = Running(ScriptedEngine(says("ok"))).start()
    asked = replace(bare(), logprobs=0, progress=True, limits=TokenLimits(DefaultLength.FULL_CONTEXT, 8))
    running.loop.submit(1, asked)
    kinds: Sequence[type] = [type(event) for event in running.answer(1)]
    assert kinds == [PromptProgress, PromptDelta, TextDelta, TextDelta, TextDelta, Finished]
    assert running.ends()
