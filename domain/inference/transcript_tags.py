"""Answers in which marks set off thoughts and calls from what is said: `<think>..</think>`, `<tool_call>..`."""

from __future__ import annotations

from collections.abc import Sequence

from domain.inference.events import FinishReason
from domain.inference.output_format import OutputFormat
from domain.inference.transcript_calls import CallReader, CallRules
from domain.inference.transcript_marks import Words
from domain.inference.transcript_output import TranscriptOutput


class TagReader:
    """Reads one answer. A thought may open where nothing is visible yet: at the start, after a thought, after a call;
    further on its mark is text. Calls may come anywhere; some models call before they have closed their thought.
    """

    def __init__(self, form: OutputFormat, stop: Sequence[str], rules: CallRules | None, out: TranscriptOutput) -> None:
        self._out = out
        self._reasoning = form.reasoning
        tools = form.tools if rules is not None else None
        self._calls = None if tools is None or rules is None else CallReader(tools, rules, out)
        self._tool_opening = () if tools is None else (tools.opening,)
        thought_opening = () if form.reasoning is None else (form.reasoning.opening,)
        self._openings = sorted((*thought_opening, *self._tool_opening), key=len, reverse=True)
        self._call_in_thought = False
        self._visible = Words(self._tool_opening, stop)
        self._thought_closing = () if form.reasoning is None else (form.reasoning.closing,)
        self._thought = Words((*self._thought_closing, *self._tool_opening))
        self._state = self._read_start if self._openings else self._read_visible

    def begin_in_thought(self) -> None:
        """The prompt has opened a thought."""
        self._out.open_thought(0)
        self._state = self._read_thought_start

    def begin_in_call(self) -> None:
        """The prompt has opened a call."""
        self._state = self._read_call

    def begin_in_text(self) -> None:
        """The prompt ends with something said, which goes on."""
        self._state = self._read_visible

    @property
    def plain(self) -> Words | None:
        """Where text is being shown: a piece in which none of these words begins is shown as it is."""
        return self._visible if self._state == self._read_visible else None

    def read(self, text: str, ending: FinishReason | None) -> int:
        """How many characters are done with. ending: set when no more text comes; then it is all of them."""
        used = 0
        while not self._out.ended:
            state = self._state
            taken = state(text[used:], ending)
            used += taken
            self._out.at += taken
            if not taken and self._state == state:
                break
        return used

    def _read_start(self, text: str, ending: FinishReason | None) -> int:
        """Whitespace before a mark goes. Before text it stays, unless a thought or a call was first. A thought that a
        call has ended may be closed by its mark after that.
        """
        blank = len(text) - len(text.lstrip())
        rest = text[blank:]
        late_closing = self._thought_closing if self._call_in_thought else ()
        for mark in (*self._openings, *late_closing):
            if rest.startswith(mark):
                self._call_in_thought = False
                if mark not in late_closing:
                    self._open(mark, self._out.at + blank)
                return blank + len(mark)
            if ending is None and mark.startswith(rest):
                return 0
        self._state = self._read_visible
        follows = self._out.called or bool(self._out.thoughts)
        return blank if follows and not (self._out.shown and rest) else 0

    def _read_visible(self, text: str, ending: FinishReason | None) -> int:
        at, word = self._visible.find(text, final=ending is not None)
        self._out.show(text[:at], self._out.at)
        if word is None:
            return at
        if word in self._tool_opening:
            self._open(word, self._out.at + at)
        else:
            self._out.stop()
        return at + len(word)

    def _open(self, mark: str, start: int) -> None:
        if self._calls is not None and mark in self._tool_opening:
            self._call_in_thought = self._out.thinking
            self._calls.begin(mark, start)
            self._state = self._read_call
        else:
            self._out.open_thought(start)
            self._state = self._read_thought

    def _read_thought_start(self, text: str, ending: FinishReason | None) -> int:
        """Some models repeat the mark that the prompt has written already."""
        blank = len(text) - len(text.lstrip())
        rest = text[blank:]
        opening = "" if self._reasoning is None else self._reasoning.opening
        if rest.startswith(opening):
            self._state = self._read_thought
            return blank + len(opening)
        if ending is None and opening.startswith(rest):
            return 0
        self._state = self._read_thought
        return 0

    def _read_thought(self, text: str, ending: FinishReason | None) -> int:
        at, mark = self._thought.find(text, final=ending is not None)
        self._out.think(text[:at])
        if mark is not None and mark in self._tool_opening:
            self._open(mark, self._out.at + at)
        elif mark is not None:
            self._out.close_thought(self._out.at + at + len(mark))
            self._state = self._read_start
        return at + len(mark or "")

    def _read_call(self, text: str, ending: FinishReason | None) -> int:
        if self._calls is None:
            return len(text)
        used = self._calls.read(text, ending)
        if self._calls.over:
            unread = self._read_thought if self._out.thinking else self._read_visible
            self._state = self._read_start if self._out.clean and not self._out.thinking else unread
        return used
