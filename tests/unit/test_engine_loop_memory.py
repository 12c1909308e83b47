"""The engine loop and what is remembered of prompts: explanations, the line for whoever debugs, idle moments."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from domain.errors import InvalidRequest, ServerShutdown
from domain.inference import TextDelta
from domain.serving.cache_check import CacheCheck, CacheChecks
from domain.serving.prompt_divergence import Divergence
from domain.serving.prompt_explanation import PromptExplanation
from tests.support.eventually import eventually
from tests.support.fakes.engine import ScriptedEngine, says
from tests.support.running_loop import Running, Start, asking, text_of

SOUND = CacheCheck(("KVCache",), 100, 0.001, 0.02)
WRONG = CacheCheck(("KVCache",), 100, 3.0, 0.02)


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Running] = []

    def begin(engine: ScriptedEngine | None = None) -> Running:
        made.append(Running(engine or ScriptedEngine()))
        return made[-1].start()

    yield begin
    assert all(running.ends() for running in made)


def explanation(running: Running, request_id: int) -> PromptExplanation:
    [told] = running.answer(request_id)
    assert isinstance(told, PromptExplanation)
    return told


def test_a_prompt_is_explained_with_the_texts_of_both_sides_and_is_no_row(start: Start) -> None:
    running = start(ScriptedEngine(says("ok")))
    running.loop.submit(1, asking("hello there"))
    running.answer(1)
    running.loop.explain(2, asking("hello world"))
    told = explanation(running, 2)
    assert told.divergence.kind is Divergence.TOKENS_DIFFER
    assert told.divergence.matched_tokens == 1 + len("hello ")
    assert told.prompt is not None
    assert told.remembered is not None
    assert (told.prompt.following, told.remembered.following) == ("world", "there")
    assert running.engine.threads == {"engine"}
    assert running.engine.steps == len("ok") + 1
    running.loop.explain(3, asking("hello world"))
    assert explanation(running, 3) == told


def test_an_explanation_comes_between_two_steps_of_a_running_row(start: Start) -> None:
    gate = threading.Event()
    running = start(ScriptedEngine(says("a" * 40), gate=gate))
    running.loop.submit(1, asking(max_tokens=40))
    eventually(lambda: running.engine.active_rows == 1, "the row")
    running.loop.explain(2, asking())
    running.loop.submit(3, asking("refuse me"))
    running.answer(3)  # requests are prepared in order: so the engine has been asked
    gate.set()
    assert text_of(running.answer(1)) == "a" * 40
    at = next(at for at, batch in enumerate(running.batches) if batch[0][0] == 2)
    assert at < len(running.batches) - 1, "nobody waits for the row's end"


def test_a_prompt_that_cannot_be_made_is_refused(start: Start) -> None:
    running = start()
    running.loop.explain(1, asking("refuse me"))
    [refusal] = running.answer(1)
    assert isinstance(refusal, InvalidRequest)


def test_an_explanation_that_nobody_wants_any_more_is_not_sent() -> None:
    running = Running(ScriptedEngine())
    running.loop.explain(1, asking())
    running.loop.cancel(1)
    running.loop.explain(2, asking())
    running.start()
    explanation(running, 2)
    assert running.events(1) == []
    running.loop.drain()
    running.loop.explain(3, asking())
    assert isinstance(running.answer(3)[-1], ServerShutdown)
    assert running.ends()


# The line for whoever debugs


def told_by(*questions: str) -> list[str]:
    lines: list[str] = []
    running = Running(ScriptedEngine(says("ok"), fail_rows={9: 0}), tell=lines.append)
    running.start()
    for request_id, question in enumerate(questions, 9 if questions[0] == "fail" else 1):
        running.loop.submit(request_id, asking(question))
        running.wait("its end", lambda: any(not isinstance(each, TextDelta) for each in running.events(request_id)))  # noqa: B023
    assert running.ends()
    return lines


def test_each_request_is_one_line_that_says_what_was_reused_and_why_not_more() -> None:
    first, second = told_by("hello there", "hello world")
    assert first == "request 1: 0 of 13 prompt tokens were reused. When it came: No prompt is remembered."
    assert second.startswith("request 2: 0 of 13 prompt tokens were reused. When it came: After 7 tokens the prompt ")
    assert "'world' (token 119) where the nearest one that is remembered says 'there'" in second
    assert "dropped" in second


def test_a_row_that_fails_has_no_line() -> None:
    assert len(told_by("fail", "hello")) == 1


def test_where_nobody_listens_nothing_is_looked_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(ScriptedEngine(says("ok")))
    monkeypatch.setattr(running.engine, "explain", None)
    running.start().loop.submit(1, asking())
    assert text_of(running.answer(1)) == "ok"
    assert running.ends()


# Idle moments


def resting(engine: ScriptedEngine) -> Running:
    return Running(engine, idle_seconds=0.0).start()


def test_an_idle_engine_gets_one_moment_until_the_next_row_has_come_and_gone() -> None:
    running = resting(ScriptedEngine(says("ok"), checks=[WRONG, SOUND]))
    eventually(lambda: running.engine.idles == [0], "the first moment")
    for request_id in range(1, 6):
        running.loop.explain(request_id, asking())
        assert explanation(running, request_id).checks == CacheChecks(1, 1)
    assert running.engine.idles == [0], "to explain is no reason for another one"
    running.loop.submit(6, asking(max_tokens=30))
    running.answer(6)
    eventually(lambda: running.engine.idles == [0, 0], "the second moment, with no row")
    running.loop.explain(7, asking())
    assert explanation(running, 7).checks == CacheChecks(2, 1)
    assert running.engine.threads == {"engine"}
    assert running.ends()


def test_a_request_that_arrives_meanwhile_waits_for_one_comparison_only() -> None:
    gate = threading.Event()
    running = resting(ScriptedEngine(says("ok"), checks=[SOUND] * 9, idle_gate=gate))
    eventually(lambda: running.engine.idles == [0], "the comparison")
    running.loop.submit(1, asking())
    running.loop.submit(2, asking("refuse me"))
    running.answer(2)  # requests are prepared in order
    assert running.engine.steps == 0
    gate.set()
    assert text_of(running.answer(1)) == "ok"
    assert len(running.engine.checks) >= 7, "one before the row, and at most one after it"
    assert running.ends()


def test_an_engine_with_rows_is_never_idle() -> None:
    gate = threading.Event()
    running = resting(ScriptedEngine(says("ok"), gate=gate))
    eventually(lambda: running.engine.idles == [0], "the first moment")
    running.loop.submit(1, asking())
    eventually(lambda: running.engine.active_rows == 1, "the row")
    running.loop.explain(2, asking())
    gate.set()
    running.answer(1)
    assert running.ends()
    assert set(running.engine.idles) == {0}


def test_a_loop_that_is_not_idle_for_long_asks_for_nothing() -> None:
    running = Running(ScriptedEngine(says("ok")), idle_seconds=3_600.0).start()
    for request_id in range(1, 4):
        running.loop.submit(request_id, asking())
        running.answer(request_id)
    assert running.ends()
    assert running.engine.idles == []
