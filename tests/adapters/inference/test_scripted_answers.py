"""What a model says, word for word, through template, engine, codec and transcript: thoughts, calls, stop tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.inference import (
    DefaultLength,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Role,
    SamplingRequest,
    TokenLimits,
    Tool,
    ToolCallDelta,
    ToolUse,
)
from tests.support.miniatures import says
from tests.support.worker_life import Event, WorkerLife, end_of, reasoning_of, text_of

LOOK = Tool("look", "look there", {"type": "object", "properties": {"at": {"type": "string"}}})
USER = Message(Role.USER, "what is there?")

Ask = Callable[..., list[Event]]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Make a model that says this, and ask it."""

    def asked(answer: str, like: str = "qwen3", *, tools: tuple[Tool, ...] = (), inspect: bool = False) -> list[Event]:
        life = WorkerLife(says(tmp_path / "model", answer, like=like))
        request = GenerationRequest(
            (USER,),
            TokenLimits(DefaultLength.FULL_CONTEXT, 200),
            SamplingRequest(temperature=1.0, seed=1),
            tools=ToolUse(tools),
            inspect=inspect,
        )
        try:
            return life.ask(request)
        finally:
            life.close()

    return asked


def calls_of(events: list[Event]) -> list[tuple[str, object]]:
    """Names and arguments, in order."""
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            names[event.index] = event.name or names[event.index]
            arguments[event.index] = arguments.get(event.index, "") + event.arguments
    return [(names[at], json.loads(arguments[at])) for at in sorted(names)]


def finished(events: list[Event]) -> Finished:
    end = end_of(events)
    assert isinstance(end, Finished), end
    return end


@pytest.mark.parametrize(
    ("like", "answer"),
    [
        ("qwen3", "<think>\nso\n</think>\n\nThe answer is \U0001f600."),
        (
            "gpt_oss",
            "<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>final<|message|>"
            "The answer is \U0001f600.<|return|>",
        ),
    ],
)
def test_thoughts_and_answer_come_apart(ask: Ask, like: str, answer: str) -> None:
    events = ask(answer, like)
    assert (reasoning_of(events).strip(), text_of(events).strip()) == ("so", "The answer is \U0001f600.")
    assert finished(events).reason is FinishReason.STOP
    assert finished(events).usage.reasoning_tokens > 0


@pytest.mark.parametrize(
    ("like", "answer"),
    [
        (
            "qwen3",
            '<think>\nso\n</think>\n\n<tool_call>\n{"name": "look", "arguments": {"at": "a"}}\n</tool_call>\n'
            '<tool_call>\n{"name": "look", "arguments": {"at": "b"}}\n</tool_call>',
        ),
        (
            "mistral",
            '[TOOL_CALLS][{"name": "look", "arguments": {"at": "a"}}, {"name": "look", "arguments": {"at": "b"}}]',
        ),
        ("lfm2", '<|tool_call_start|>[look(at="a"), look(at="b")]<|tool_call_end|>'),
    ],
)
def test_two_calls_arrive_as_two_calls(ask: Ask, like: str, answer: str) -> None:
    events = ask(answer, like, tools=(LOOK,))
    assert calls_of(events) == [("look", {"at": "a"}), ("look", {"at": "b"})]
    assert text_of(events).strip() == ""
    assert finished(events).reason is FinishReason.TOOL_CALLS


def test_a_call_on_its_channel_is_a_call(ask: Ask) -> None:
    events = ask(
        "<|channel|>analysis<|message|>so<|end|><|start|>assistant<|channel|>commentary to=functions.look "
        '<|constrain|>json<|message|>{"at": "a"}<|call|>',
        "gpt_oss",
        tools=(LOOK,),
    )
    assert (reasoning_of(events), calls_of(events)) == ("so", [("look", {"at": "a"})])
    assert finished(events).reason is FinishReason.TOOL_CALLS


def test_stop_tokens_in_a_row_behind_an_undeclared_one_leave_nothing_behind_and_are_counted(ask: Ask) -> None:
    events = ask("Yes<|end|><|endoftext|>", "phi3")
    assert text_of(events) == "Yes"
    inspected = ask("Yes<|end|><|endoftext|>", "phi3", inspect=True)
    report = finished(inspected).report
    assert text_of(inspected) == "Yes"
    assert report is not None
    assert report.stop_tokens >= 2


def test_a_declared_stop_token_is_one_whatever_would_have_come_behind_it(ask: Ask) -> None:
    report = finished(ask("Yes<|im_end|><|im_end|>", "qwen3", inspect=True)).report
    assert report is not None
    assert report.stop_tokens == 1
