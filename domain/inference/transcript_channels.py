"""Answers in channels, the harmony format of gpt-oss.

    <|channel|>analysis<|message|>a thought<|end|>
    <|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}<|call|>
    <|start|>assistant<|channel|>final<|message|>the answer<|return|>

A message to somebody is a call, `functions.` taken off; one on `analysis` is a thought; one on `final`, or on
`commentary` to nobody, is shown. The recipient may stand before the channel too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from domain.inference.events import FinishReason
from domain.inference.json_call import EMPTY
from domain.inference.json_text import ControlEscaper, is_object
from domain.inference.transcript_calls import MOST_QUOTED, CallRules, CallWriter
from domain.inference.transcript_marks import Trimmed, Words
from domain.inference.transcript_output import TranscriptOutput

START, CHANNEL, MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
ENDS = ("<|end|>", "<|return|>", "<|call|>")
OPEN_CALL = "<|channel|>commentary to=functions."  # what a prompt ends with when it requires a call
LONGEST_HEADER = 256
NOBODY = frozenset({None, "assistant", "all", "user"})

_HEADER = re.compile(
    r"\s*(?:<\|start\|>)?\s*(?:assistant)?\s*(?:to=(?P<to>\S+?))?\s*"
    r"(?:<\|channel\|>\s*(?P<channel>\w+)\s*(?:to=(?P<recipient>[^\s<]+))?\s*(?:<\|constrain\|>)?\s*[\w.-]*\s*)?"
)
_LONG = re.compile(f"(?s:.{{{LONGEST_HEADER}}})")
_OPENING = re.compile(r"\s*(?:<\|start\|>)?")


class _Kind(Enum):
    TEXT = "text"
    THOUGHT = "thought"
    CALL = "call"


class ChannelReader:
    """Reads one answer, which begins in the header of a message. A header that makes no sense is shown as text, and so
    is the message under it; calls are text too where no tools are on offer.
    """

    def __init__(self, stop: Sequence[str], rules: CallRules | None, out: TranscriptOutput) -> None:
        self._out = out
        self._writer = None if rules is None else CallWriter(rules, out)
        self._header_end = Words((MESSAGE, *ENDS))
        self._body_end = Words((*ENDS, START, CHANNEL))
        self._visible = Words((*ENDS, START, CHANNEL), stop)
        self._given = ""
        self._kind = _Kind.TEXT
        self._trims = False
        self._arguments = Trimmed()
        self._escaper = ControlEscaper()
        self._written_arguments: list[str] = []
        self._state = self._read_header

    def begin_in_thought(self) -> None:
        """The prompt has opened a message on `analysis`."""
        self._open_thought(0)

    def begin_in_call(self) -> None:
        """The prompt ends with OPEN_CALL; the answer goes on with the name."""
        self._given = OPEN_CALL

    def begin_in_text(self) -> None:
        """The prompt ends inside of something said, which goes on."""
        self._state = self._read_body

    @property
    def plain(self) -> Words | None:
        """Where text is being shown: a piece in which none of these words begins is shown as it is."""
        return self._visible if self._state == self._read_body and self._kind is _Kind.TEXT else None

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
        if ending is not None and not self._out.ended:
            self._end_body(self._out.at, ending)
        return used

    # Headers

    def _read_header(self, text: str, ending: FinishReason | None) -> int:
        at, mark = self._header_end.find(text, final=ending is not None)
        if not _may_be_header(self._given + text[:at][:LONGEST_HEADER]):
            return self._give_up(_OPENING.match(text))
        if at >= LONGEST_HEADER:
            return self._give_up(_LONG.match(text))
        if mark is None and ending is None:
            return 0
        end = at + len(mark or "")
        if mark == MESSAGE:
            header = _HEADER.fullmatch(self._given + text[:at])
            if header is None or not self._open(header):
                self._show_header(text[:end])
        elif text[:at].strip() and ending is not FinishReason.LENGTH:
            self._show_header(text[:at])
            self._state = self._read_header
        self._given = ""
        return end

    def _open(self, header: re.Match[str]) -> bool:
        """Whether the header makes sense here."""
        channel, recipient = header["channel"], header["recipient"] or header["to"]
        if recipient not in NOBODY:
            name = recipient.removeprefix("functions.")
            if self._writer is None or not name:
                return False
            self._writer.begin(name)
            self._kind, self._arguments, self._escaper = _Kind.CALL, Trimmed(), ControlEscaper()
            self._written_arguments = []
        elif channel == "analysis":
            self._open_thought(self._out.at)
        elif channel in (None, "final", "commentary"):
            self._begin_text(trims=True)
        else:
            return False
        self._state = self._read_body
        return True

    def _open_thought(self, start: int) -> None:
        self._out.open_thought(start)
        self._kind, self._state = _Kind.THOUGHT, self._read_body

    def _show_header(self, text: str) -> None:
        self._out.warn(f"a message begins oddly and is given as text: {text.strip()[:MOST_QUOTED]!r}")
        self._begin_text(trims=False)
        self._out.show(text, self._out.at)

    def _give_up(self, beginning: re.Match[str] | None) -> int:
        """This is no header, and all that follows is text: its beginning too, which could open another header."""
        self._out.warn("the answer is not divided into messages as its format demands, and is given as text")
        shown = "" if beginning is None else beginning.group()
        self._begin_text(trims=False)
        self._out.show(shown, self._out.at)
        self._given = ""
        return len(shown)

    def _begin_text(self, *, trims: bool) -> None:
        """trims: without the whitespace it begins with."""
        self._kind, self._state, self._trims = _Kind.TEXT, self._read_body, trims
        self._out.part()

    # Bodies

    def _read_body(self, text: str, ending: FinishReason | None) -> int:
        if self._kind is _Kind.TEXT and self._trims and self._out.clean and (blank := len(text) - len(text.lstrip())):
            return blank
        words = self._visible if self._kind is _Kind.TEXT else self._body_end
        at, word = words.find(text, final=ending is not None)
        self._add(text[:at])
        if word is None:
            return at
        if word in ENDS:
            self._end_body(self._out.at + at + len(word), None)
        elif word in (START, CHANNEL):
            self._end_body(self._out.at + at, None)
            return at  # the next header begins with it
        else:
            self._out.stop()
        return at + len(word)

    def _add(self, text: str) -> None:
        if self._kind is _Kind.TEXT:
            self._out.show(text, self._out.at)
        elif self._kind is _Kind.THOUGHT:
            self._out.think(text)
        elif self._writer is not None and (news := self._escaper.feed(self._arguments.add(text))):
            self._written_arguments.append(news)
            self._writer.add(news)

    def _end_body(self, end: int, ending: FinishReason | None) -> None:
        """ending: set when there was no mark."""
        if self._kind is _Kind.THOUGHT and ending is None:
            self._out.close_thought(end)
        elif self._kind is _Kind.CALL and self._writer is not None:
            if not self._written_arguments and ending is not FinishReason.LENGTH:
                self._written_arguments.append(EMPTY)
                self._writer.add(EMPTY)
            self._writer.end(valid=is_object("".join(self._written_arguments)), cut=ending is FinishReason.LENGTH)
        self._kind, self._state = _Kind.TEXT, self._read_header


def _may_be_header(text: str) -> bool:
    """Whether this can be the beginning of a header: what stands before its channel decides."""
    opening = _OPENING.match(text)
    role = text[opening.end() if opening else 0 :].partition("<")[0].strip()
    rest = role.removeprefix("assistant").lstrip()
    to_somebody = rest.startswith("to=") and not any(char.isspace() for char in rest)
    return "assistant".startswith(role) or "to=".startswith(rest) or to_somebody
