"""Feeding a transcript, and what came of it."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.inference import (
    PLAIN,
    FinishReason,
    OutputFormat,
    ReasoningDelta,
    ReasoningMarks,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolMarks,
)
from domain.inference.transcript import AnswerStart, Transcript
from domain.inference.transcript_calls import CallRules
from domain.inference.transcript_output import AnswerDelta

THINK = ReasoningMarks("<think>", "</think>")
TAGS = OutputFormat(THINK, ToolMarks("<tool_call>", "</tool_call>", json=True))
WHOLE_CALLS = OutputFormat(THINK, ToolMarks("<call>", "</call>"))
OPEN_JSON = OutputFormat(THINK, ToolMarks("[TOOL_CALLS]", "", json=True))
NESTED = OutputFormat(ReasoningMarks("<<", ">>"), ToolMarks("<<<", ">>>"))  # each a beginning of another
OPEN_END = OutputFormat(None, ToolMarks("[TOOL_CALLS]", ""))
CHANNELS = OutputFormat(channels=True)


@dataclass(frozen=True)
class Result:
    """Everything that must not depend on how the text was cut. calls: id, name and arguments of each."""

    content: str
    reasoning: str
    calls: tuple[tuple[str, str, str], ...]
    warnings: tuple[str, ...] = ()
    complete_calls: int = 0
    ended: bool = False
    stopped: bool = False


def rules(*offered: str, parallel: bool = True) -> CallRules:
    """A parser of JSON calls, one or a list of them, that knows no other text; ids are call_0, call_1 ..."""
    numbers = itertools.count()
    return CallRules(parsed, lambda: f"call_{next(numbers)}", frozenset(offered), parallel)


def parsed(text: str) -> tuple[ToolCall, ...]:
    found = json.loads(text, strict=False, parse_constant=refused)
    calls = found if isinstance(found, list) else [found]
    if not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise ValueError(f"no call: {text}")
    if not all(isinstance(call.get("arguments", {}), dict) for call in calls):
        raise ValueError(f"no call: {text}")
    return tuple(ToolCall(call.get("id", ""), call["name"], json.dumps(call.get("arguments", {}))) for call in calls)


def transcribed(
    pieces: Sequence[str],
    form: OutputFormat = PLAIN,
    *,
    stop: Sequence[str] = (),
    tools: CallRules | None = None,
    start: AnswerStart | None = None,
    end: FinishReason = FinishReason.STOP,
) -> Result:
    transcript = Transcript(form, stop, tools, start or AnswerStart())
    deltas: list[AnswerDelta] = []
    for piece in pieces:
        deltas += checked(transcript, transcript.feed(piece), "".join(pieces))
    if not transcript.ended:
        deltas += checked(transcript, transcript.finish(end), "".join(pieces))
    assert sum(map(loads, calls_of(deltas))) >= transcript.calls, "the calls that count are JSON objects"
    return Result(
        content="".join(delta.text for delta in deltas if isinstance(delta, TextDelta)),
        reasoning="".join(delta.text for delta in deltas if isinstance(delta, ReasoningDelta)),
        calls=calls_of(deltas),
        warnings=transcript.warnings,
        complete_calls=transcript.calls,
        ended=transcript.ended,
        stopped=transcript.stopped,
    )


def checked(transcript: Transcript, deltas: Sequence[AnswerDelta], raw: str) -> Sequence[AnswerDelta]:
    """The same deltas, after a look at where their text was written."""
    texts = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    assert len(texts) == len(transcript.spans)
    for text, span in zip(texts, transcript.spans, strict=True):
        written = raw[span.start : span.end]
        between = "\n\n"  # two parts, nobody wrote it
        assert text.replace(between, "") == written.replace(between, "")
    return deltas


def loads(call: tuple[str, str, str]) -> bool:
    """A client can read the arguments."""
    try:
        return isinstance(json.loads(call[2], parse_constant=refused), dict)
    except ValueError:
        return False


def refused(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def calls_of(deltas: Sequence[object]) -> tuple[tuple[str, str, str], ...]:
    """Id, name and joined arguments of each call; the rules of ToolCallDelta are checked on the way."""
    calls: list[tuple[str, str, str]] = []
    for delta in deltas:
        if not isinstance(delta, ToolCallDelta):
            continue
        if delta.index == len(calls):
            assert delta.call_id and delta.name, "a first piece names the call"
            calls.append((delta.call_id, delta.name, delta.arguments))
        else:
            assert delta.index == len(calls) - 1, "calls come one after the other"
            assert delta.call_id is None and delta.name is None, "only the first piece names the call"
            call_id, name, arguments = calls[-1]
            calls[-1] = (call_id, name, arguments + delta.arguments)
    return tuple(calls)


def cut(text: str, places: Sequence[int]) -> list[str]:
    marks = [0, *sorted({at % (len(text) + 1) for at in places}), len(text)]
    return [text[start:end] for start, end in pairwise(marks)]
