"""The knobs of the fake workers, on which the tests of the layers above rely."""

from __future__ import annotations

import threading
from pathlib import PurePath

import pytest

from domain.catalog import LocatedModel, ModelSource
from domain.errors import EngineDied, GenerationFailed
from domain.inference import (
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    ReasoningDelta,
    Role,
    TextDelta,
    Tool,
    ToolUse,
)
from tests.support.fakes.worker import FakeWorkerLauncher, Script
from tests.support.transcripts import TAGS, calls_of

MODEL = LocatedModel("org/fake", PurePath("/nowhere"), ModelSource.CACHE)


def asking(text: str) -> GenerationRequest:
    return GenerationRequest((Message(Role.USER, text),))


def test_answers_are_chosen_by_the_last_user_message() -> None:
    worker = FakeWorkerLauncher(Script(answers={"ping": "pong pong"}, default="what?")).launch(MODEL)
    for question, answer in (("ping", "pong pong"), ("else", "what?")):
        *deltas, end = worker.generate(asking(question))
        assert "".join(event.text for event in deltas if isinstance(event, TextDelta)) == answer
        assert isinstance(end, Finished)
    assert worker.running == 0


def test_a_held_stream_waits_until_it_is_released_or_cancelled() -> None:
    launcher = FakeWorkerLauncher(Script(default="one two three", hold_after=1))
    worker = launcher.launch(MODEL)
    released, cancelled = worker.generate(asking("a")), worker.generate(asking("b"))
    heard: list[int] = []
    threads = [
        threading.Thread(target=lambda each=each: heard.append(len(list(each))), daemon=True)
        for each in (released, cancelled)
    ]
    for thread in threads:
        thread.start()
    cancelled.cancel()
    threads[1].join(timeout=20)
    assert heard in ([0], [1])
    launcher.script.hold_after = None
    launcher.changed()
    threads[0].join(timeout=20)
    assert heard[1:] == [4]


def test_a_worker_dies_when_told_and_its_successor_lives() -> None:
    launcher = FakeWorkerLauncher(Script(default="one two three", die_after=2))
    worker = launcher.launch(MODEL)
    stream = worker.generate(asking("a"))
    assert [next(stream), next(stream)] == [TextDelta("one"), TextDelta(" two")]
    with pytest.raises(EngineDied, match="SIGKILL"):
        next(stream)
    assert not worker.alive
    assert len(list(launcher.launch(MODEL).generate(asking("a")))) == 4


def test_a_refused_request_raises_what_the_script_says() -> None:
    worker = FakeWorkerLauncher(Script(refuse={"bad": GenerationFailed("no")})).launch(MODEL)
    with pytest.raises(GenerationFailed, match="no"):
        next(worker.generate(asking("bad")))


def test_answers_may_think_and_call() -> None:
    answer = (
        '<think>\nhm, let me see\n</think>\n\nI look.\n<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    )
    script = Script(default=answer, output_format=TAGS, cached_tokens=1)
    request = GenerationRequest((Message(Role.USER, "?"),), tools=ToolUse((Tool("f"),)), logprobs=2)
    *events, end = FakeWorkerLauncher(script).launch(MODEL).generate(request)
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    texts = [event for event in events if isinstance(event, TextDelta)]
    assert (thought, "".join(event.text for event in texts)) == ("hm, let me see", "I look.")
    assert [len(each.top) for event in texts for each in event.logprobs] == [2, 2]
    assert calls_of(events) == ((f"call_{1:024x}", "f", '{"a": 1}'),)
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.reasoning_tokens, end.usage.cached_tokens) == (FinishReason.TOOL_CALLS, 6, 1)
    assert end.report is not None
