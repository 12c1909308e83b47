"""The worker's three threads, with an engine that does as it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from application.inference.engine_loop import IDLE_SECONDS
from domain.errors import (
    ContextLengthExceeded,
    GenerationFailed,
    InvalidRequest,
    MlxkError,
    ServerBusy,
    ServerShutdown,
    UnsupportedParameter,
)
from domain.inference import (
    Finished,
    FinishReason,
    GenerationRequest,
    PictureFacts,
    PicturesSeen,
    TextDelta,
    Tool,
    ToolCall,
    ToolUse,
)
from ports.text_codec import EncodedPrompt, PromptMedia, PromptPicture
from ports.text_engine import EngineRow
from tests.support.eventually import eventually
from tests.support.fakes.codec import BREAKS_DECODER, ByteCodec
from tests.support.fakes.engine import ScriptedEngine, says
from tests.support.running_loop import CALL_ID, FRESH_SEED, Event, Running, Start, asking, text_of
from tests.support.transcripts import TAGS, WHOLE_CALLS, calls_of


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Running] = []

    def begin(
        engine: ScriptedEngine | None = None, codec: ByteCodec | None = None, idle_seconds: float = IDLE_SECONDS
    ) -> Running:
        made.append(Running(engine or ScriptedEngine(), codec or ByteCodec(), idle_seconds=idle_seconds))
        return made[-1].start()

    yield begin
    assert all(running.ends() for running in made)


def end_of(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished), events
    return last


def test_a_request_is_answered_with_text_and_one_end(start: Start) -> None:
    running = start(ScriptedEngine(says("well met")))
    running.loop.submit(1, asking(max_tokens=50))
    events = running.answer(1)
    assert text_of(events) == "well met"
    assert end_of(events).reason is FinishReason.STOP
    assert end_of(events).usage.completion_tokens == len("well met") + 1
    assert sum(not isinstance(event, TextDelta) for event in events) == 1


def test_the_events_of_one_step_leave_as_one_batch(start: Start) -> None:
    gate = threading.Event()
    running = start(ScriptedEngine(says("abcd"), gate=gate))
    for request_id in (1, 2, 3):
        running.loop.submit(request_id, asking(max_tokens=4))
    eventually(lambda: running.engine.active_rows > 0, "a row in the engine")
    gate.set()
    for request_id in (1, 2, 3):
        assert text_of(running.answer(request_id)) == "abcd"
    assert len(running.batches) == running.engine.steps
    assert [len({owner for owner, _ in batch}) for batch in running.batches] == running.engine.batches


def test_requests_join_while_others_run(start: Start) -> None:
    gate = threading.Event()
    running = start(ScriptedEngine(says("a" * 40), gate=gate))
    running.loop.submit(1, asking(max_tokens=40))
    eventually(lambda: running.engine.active_rows == 1, "the first row")
    running.loop.submit(2, asking(max_tokens=2))
    running.loop.submit(3, asking("refuse me"))
    running.answer(3)  # requests are prepared in order: so the second is ready too
    gate.set()
    running.answer(2)
    running.answer(1)
    assert max(running.engine.batches) == 2


def test_only_one_thread_calls_the_engine(start: Start) -> None:
    running = start()
    running.loop.submit(1, asking(stop=("x", "e")))
    running.loop.submit(2, asking())
    running.answer(1)
    running.answer(2)
    assert running.engine.threads == {"engine"}


def test_an_idle_loop_does_not_step(start: Start) -> None:
    running = start()
    running.loop.submit(1, asking(max_tokens=3))
    running.answer(1)
    running.loop.submit(2, asking(max_tokens=3))
    running.answer(2)
    assert (running.engine.steps, running.engine.idle_steps) == (6, 0)


def test_the_engine_learns_when_nobody_has_come_for_a_while_and_not_before(start: Start) -> None:
    running = start(idle_seconds=3600.0)
    running.loop.submit(1, asking())
    running.answer(1)
    running.loop.submit(2, asking(max_tokens=16))
    assert end_of(running.answer(2)).usage.completion_tokens == 16
    assert running.engine.learned == 0
    resting = start(idle_seconds=0.01)
    eventually(lambda: resting.engine.learned == 1, "the engine to be told")
    resting.loop.submit(1, asking())
    resting.answer(1)
    eventually(lambda: resting.engine.learned == 2, "the engine to be told again")


def test_a_request_that_names_no_seed_gets_a_fresh_one_and_another_keeps_its_own(start: Start) -> None:
    seeds: dict[int, int] = {}

    def script(row: EngineRow) -> tuple[int, ...]:
        seeds[row.row_id] = row.sampling.seed
        return (65,)

    running = start(ScriptedEngine(script))
    running.loop.submit(1, asking())
    running.loop.submit(2, asking(seed=5))
    running.answer(1)
    running.answer(2)
    assert seeds == {1: FRESH_SEED, 2: 5}


def test_the_models_own_sampling_defaults_are_used(start: Start) -> None:
    seen: list[EngineRow] = []

    def script(row: EngineRow) -> tuple[int, ...]:
        seen.append(row)
        return ()

    running = start(ScriptedEngine(script), ByteCodec(generation_config={"temperature": 0.25, "top_p": 0.5}))
    running.loop.submit(1, asking())
    running.answer(1)
    assert (seen[0].sampling.temperature, seen[0].sampling.top_p) == (0.25, 0.5)


# Faults


def test_a_prompt_that_does_not_fit_is_refused_by_numbers_and_others_go_on(start: Start) -> None:
    running = start(ScriptedEngine(says("ok")), ByteCodec(context_length=20))
    running.loop.submit(1, asking("x" * 10, max_tokens=100))
    running.loop.submit(2, asking("x" * 10, max_tokens=2))
    assert isinstance(error := running.answer(1)[-1], ContextLengthExceeded)
    assert "prompt 12 + max_tokens 100 > context 20" in error.message
    assert text_of(running.answer(2)) == "ok"


@pytest.mark.parametrize(("text", "kind"), [("refuse me", InvalidRequest), ("break the template", GenerationFailed)])
def test_a_request_that_fails_in_preparation_fails_alone(start: Start, text: str, kind: type[MlxkError]) -> None:
    running = start(ScriptedEngine(says("ok")))
    running.loop.submit(1, asking(text))
    running.loop.submit(2, asking())
    assert [type(event) for event in running.answer(1)] == [kind]
    assert text_of(running.answer(2)) == "ok"


def test_a_row_the_engine_does_not_take_fails_alone(start: Start) -> None:
    running = start(ScriptedEngine(says("ok"), refuse=frozenset({1})))
    running.loop.submit(1, asking())
    running.loop.submit(2, asking())
    assert [type(event) for event in running.answer(1)] == [GenerationFailed]
    assert text_of(running.answer(2)) == "ok"


def test_a_row_that_fails_while_decoding_fails_alone(start: Start) -> None:
    running = start(ScriptedEngine(says("okay"), fail_rows={1: 2}))
    running.loop.submit(1, asking())
    running.loop.submit(2, asking())
    events = running.answer(1)
    assert text_of(events) == "ok"
    assert isinstance(events[-1], GenerationFailed)
    assert text_of(running.answer(2)) == "okay"


def test_a_token_that_breaks_the_decoder_fails_its_request_and_frees_its_row(start: Start) -> None:
    script = {1: (65, BREAKS_DECODER, 66), 2: tuple(b"okay")}
    running = start(ScriptedEngine(lambda row: script[row.row_id]))
    running.loop.submit(1, asking(max_tokens=400))
    running.loop.submit(2, asking())
    events = running.answer(1)
    assert text_of(events) == "A"
    assert isinstance(error := events[-1], GenerationFailed)
    assert str(BREAKS_DECODER) in error.message
    assert text_of(running.answer(2)) == "okay"
    eventually(lambda: 1 in running.engine.cancelled, "row 1 to be called off")


def test_a_lost_batch_fails_its_rows_and_the_next_request_works(start: Start) -> None:
    running = start(ScriptedEngine(says("okay"), lose_batch_at=2))
    running.loop.submit(1, asking())
    assert isinstance(running.answer(1)[-1], GenerationFailed)
    running.loop.submit(2, asking())
    assert text_of(running.answer(2)) == "okay"


def test_an_engine_beyond_help_ends_the_loop_instead_of_hanging_it() -> None:
    running = Running(ScriptedEngine(crash_at=1)).start()
    running.loop.submit(1, asking())
    running._thread.join(timeout=20)
    assert isinstance(running.crash, SystemError)


def test_a_listener_that_has_gone_ends_the_loop_instead_of_hanging_it() -> None:
    running = Running(ScriptedEngine(), sink_fault=BrokenPipeError("gone")).start()
    running.loop.submit(1, asking())
    running._thread.join(timeout=20)
    assert isinstance(running.crash, BrokenPipeError)


@pytest.mark.parametrize("refusal", [UnsupportedParameter("no"), InvalidRequest("no"), ServerBusy("no")])
def test_a_row_is_refused_in_the_engines_own_words(start: Start, refusal: MlxkError) -> None:
    class Choosy(ScriptedEngine):
        def admit(self, row: EngineRow) -> None:
            if row.row_id == 1:
                raise refusal
            super().admit(row)

    running = start(Choosy(says("ok")))
    running.loop.submit(1, asking())
    running.loop.submit(2, asking())
    assert running.answer(1) == [refusal]
    assert text_of(running.answer(2)) == "ok"


def test_a_parser_of_calls_that_breaks_fails_its_request_and_frees_its_row(start: Start) -> None:
    class Fragile(ByteCodec):
        def parse_tool_calls(self, text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
            raise KeyError(text)

    running = start(ScriptedEngine(says("<call>x</call>" + "x" * 300)), Fragile(output_format=WHOLE_CALLS))
    running.loop.submit(1, replace(asking(max_tokens=400), tools=ToolUse((Tool("f"),))))
    running.loop.submit(2, asking(max_tokens=7))
    assert isinstance(error := running.answer(1)[-1], GenerationFailed)
    assert "call parser failed" in error.message
    assert text_of(running.answer(2)) == "<call>x", "no tools are offered here, so that this is text"
    eventually(lambda: 1 in running.engine.cancelled, "row 1 to be called off")


# Stop strings and cancellation


def test_the_one_call_that_was_wanted_calls_its_row_off(start: Start) -> None:
    call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>'
    running = start(ScriptedEngine(says(call + "x" * 300)), ByteCodec(output_format=TAGS))
    running.loop.submit(1, replace(asking(max_tokens=400), tools=ToolUse((Tool("f"),), parallel=False)))
    running.wait("the end", lambda: any(isinstance(event, Finished) for event in running.events(1)))
    events = running.events(1)
    assert calls_of(events) == ((CALL_ID, "f", "{}"),)
    assert end_of(events).reason is FinishReason.TOOL_CALLS
    eventually(lambda: running.engine.cancelled == [1], "row 1 to be called off")


def test_a_stop_string_calls_its_row_off_and_what_follows_is_dropped(start: Start) -> None:
    running = start(ScriptedEngine(says("one END " + "x" * 400)))
    running.loop.submit(1, asking(max_tokens=400, stop=("END",)))
    events = running.answer(1)
    assert text_of(events) == "one "
    assert end_of(events).reason is FinishReason.STOP
    assert end_of(events).usage.completion_tokens == len("one END")
    eventually(lambda: running.engine.active_rows == 0, "the row to leave")
    assert running.ends()
    assert running.events(1) == events


def test_a_finished_row_is_not_called_off_once_more(start: Start) -> None:
    running = start(ScriptedEngine(says("ok")))
    running.loop.submit(1, asking())
    running.answer(1)
    assert running.ends()
    assert running.engine.cancelled == []


def test_a_cancelled_row_leaves_and_says_nothing_more(start: Start) -> None:
    gate = threading.Event()
    running = start(ScriptedEngine(gate=gate))
    running.loop.submit(1, asking(max_tokens=400))
    eventually(lambda: running.engine.active_rows == 1, "the row")
    running.loop.cancel(1)
    gate.set()
    eventually(lambda: running.engine.active_rows == 0, "the row to leave")
    assert running.engine.steps <= 1, "it took part in no step after the one that was running"
    assert running.ends()
    assert running.events(1) == []


def test_a_request_cancelled_before_it_is_prepared_never_reaches_the_engine() -> None:
    running = Running(ScriptedEngine())
    running.loop.submit(1, asking())
    running.loop.cancel(1)
    running.start()
    running.loop.submit(2, asking(max_tokens=1))
    running.answer(2)
    assert running.ends()
    assert running.events(1) == []
    assert running.engine.batches == [1]


def test_cancelling_what_is_unknown_or_over_is_no_error(start: Start) -> None:
    running = start(ScriptedEngine(says("ok")))
    running.loop.cancel(77)
    running.loop.submit(1, asking())
    running.answer(1)
    running.loop.cancel(1)
    running.loop.submit(2, asking())
    assert text_of(running.answer(2)) == "ok"


# Ending


def test_draining_answers_everything_that_was_asked_and_refuses_the_rest() -> None:
    running = Running(ScriptedEngine(says("okay")))
    for request_id in range(1, 6):
        running.loop.submit(request_id, asking())
    running.loop.drain()
    running.loop.submit(9, asking())
    running.start()
    for request_id in range(1, 6):
        assert text_of(running.answer(request_id)) == "okay"
    assert isinstance(running.answer(9)[-1], ServerShutdown)
    assert running.ends()


def test_draining_an_idle_loop_ends_it(start: Start) -> None:
    assert start().ends()


class Seeing(ByteCodec):
    """Has seen one picture, whatever it is shown."""

    seen = PicturesSeen((PictureFacts("digest", "JPEG", 4, 3),))
    media = PromptMedia((PromptPicture(1, 2, "digest"),), {})

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        return replace(super().encode(request), media=self.media, seen=self.seen)


def test_what_was_seen_is_told_once_before_anything_of_the_answer(start: Start) -> None:
    running = start(ScriptedEngine(says("red")), Seeing())
    running.loop.submit(1, asking(max_tokens=50))
    running.wait("the end", lambda: any(isinstance(event, Finished) for event in running.events(1)))
    events = running.events(1)
    assert events[0] == Seeing.seen
    assert not any(isinstance(event, PicturesSeen) for event in events[1:])
    assert text_of(events) == "red"
