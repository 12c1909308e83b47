"""Calls in the text of an answer: from the text between the marks to deltas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from domain.inference.events import FinishReason, ToolCallDelta
from domain.inference.json_call import EMPTY, JsonCall
from domain.inference.json_text import can_be_sent
from domain.inference.output_format import ToolMarks
from domain.inference.tools import ToolCall
from domain.inference.transcript_marks import Words
from domain.inference.transcript_output import TranscriptOutput

MOST_QUOTED = 80


@dataclass(frozen=True, slots=True)
class CallRules:
    """What an answer may do with tools. parse: the whole text between the marks to calls; raises ValueError for text
    that holds none. new_id: a fresh id, for calls that bring none. offered: names. parallel: several calls are welcome.
    """

    parse: Callable[[str], tuple[ToolCall, ...]]
    new_id: Callable[[], str]
    offered: frozenset[str] = frozenset()
    parallel: bool = True


class CallWriter:
    """Numbers the calls of one answer and writes their deltas. After the first one the answer ends, where several are
    not wanted.
    """

    def __init__(self, rules: CallRules, out: TranscriptOutput) -> None:
        self._rules = rules
        self._out = out
        self._index = -1
        self._name = ""

    def begin(self, name: str, call_id: str = "") -> None:
        self._index += 1
        self._name = name
        if name not in self._rules.offered:
            self._out.warn(f"the model called {name[:MOST_QUOTED]!r}, which is not among the tools")
        self._out.boundary()
        self._out.call(ToolCallDelta(self._index, call_id or self._rules.new_id(), name, ""))

    def add(self, arguments: str) -> None:
        if arguments:
            self._out.call(ToolCallDelta(self._index, None, None, arguments))

    def end(self, *, valid: bool, cut: bool = False) -> None:
        """valid: the arguments are a JSON object; only then does the call count. cut: by the token limit."""
        if valid:
            self._out.calls += 1
        elif cut:
            self._out.warn(f"the call of {self._name} was cut off by the token limit")
        else:
            self._out.warn(f"the arguments that the model gave {self._name} are no valid JSON object")
        self._out.ended = self._out.ended or not self._rules.parallel

    def write(self, calls: tuple[ToolCall, ...]) -> None:
        for call in calls:
            if self._out.ended:
                self._out.warn("further calls were left out, because only one was wanted")
                return
            self.begin(call.name, call.call_id)
            self.add(call.arguments or EMPTY)
            self.end(valid=True)


class CallReader:
    """The text between one pair of marks. JSON objects are written while they come, once they have a name and their
    arguments have begun; other text once it is whole, by the parser. What cannot be read at all is given back as text,
    marks included. One that begins inside of a thought ends it, or is part of it when it cannot be read.
    """

    def __init__(self, marks: ToolMarks, rules: CallRules, out: TranscriptOutput) -> None:
        self._json = marks.json
        self._parse = rules.parse
        self._out = out
        self._writer = CallWriter(rules, out)
        self._closing = Words((marks.closing,) if marks.closing else ())
        self._unmarked_end = not marks.closing
        self.begin("", 0)

    def begin(self, opening: str, start: int) -> None:
        """opening: as it stands in the answer from `start` on; "" where the prompt had it."""
        self._opening = opening
        self._start = start
        self._at = start + len(opening)
        self._raw: list[str] = []
        self._object = JsonCall()
        self._announced = False
        self._more = True  # only whitespace since the last object
        self._state = self._read_object if self._json else self._read_whole
        self.over = False

    def read(self, text: str, ending: FinishReason | None) -> int:
        """How many characters belong to the call, as far as that is certain. ending: set when no more text comes."""
        used = 0
        while not (self.over or self._out.ended):
            state = self._state
            taken = state(text[used:], ending)
            used += taken
            self._at += taken
            if not taken and self._state == state:
                break
        return used

    # An object

    def _read_object(self, text: str, ending: FinishReason | None) -> int:
        call = self._object
        used = call.feed(text)
        self._raw.append(text[:used])
        if call.begun and call.name is not None:
            if not self._announced:
                self._announced = True
                self._end_thought()
                self._writer.begin(call.name, call.call_id)
            self._writer.add(call.take_arguments())
        if call.done or (call.whole and (call.broken or ending is not None)):
            self._writer.end(valid=call.valid)
            self._state = self._read_tail
        elif (call.broken or ending is not None) and not self._announced:
            self._state = self._read_whole
        elif call.broken or ending is not None:
            self._writer.end(valid=False, cut=ending is FinishReason.LENGTH and not call.broken)
            self._state = self._read_tail
        return used

    def _read_tail(self, text: str, ending: FinishReason | None) -> int:
        """What follows an object, up to the closing mark: another object, or nothing of interest."""
        if self._unmarked_end:
            self.over = True
            return 0
        blank = len(text) - len(text.lstrip())
        if self._more and text[blank : blank + 1] == "{":
            self.begin("", self._at + blank)
            self._at -= blank  # `read` counts them
            return blank
        at, mark = self._closing.find(text, final=ending is not None)
        self.over = mark is not None or ending is not None
        self._more = self._more and blank >= at
        return at + len(mark or "")

    # Any other text

    def _read_whole(self, text: str, ending: FinishReason | None) -> int:
        at, mark = self._closing.find(text, final=ending is not None)
        self._raw.append(text[:at])
        if mark is not None:
            self._conclude(mark, readable=True)
        elif ending is not None:
            self._conclude("", readable=ending is FinishReason.STOP or self._unmarked_end)
        return at + len(mark or "")

    def _conclude(self, closing: str, *, readable: bool) -> None:
        """readable: the text can be whole. A parser could read half a call as another, shorter one."""
        self.over = True
        text = "".join(self._raw)
        try:
            calls = self._parse(text) if readable else ()
        except ValueError:
            calls = ()
        if calls and all(can_be_sent(call.name + call.arguments) for call in calls):
            self._end_thought()
            self._writer.write(calls)
            return
        problem = "could not be read" if readable else "was cut off by the token limit"
        self._out.warn(f"a call {problem} and is given as text: {text.strip()[:MOST_QUOTED]!r}")
        if self._out.thinking:
            self._out.think(self._opening + text + closing)
        else:
            self._out.show(self._opening + text + closing, self._start)

    def _end_thought(self) -> None:
        if self._out.thinking:
            self._out.close_thought(self._start)
