"""Standard input, output and error, as the commands see them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from domain.errors import InternalError, InvalidRequest

# A model's words must not steer the terminal: control characters other than tab and line feed.
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], "\ufffd")
_UNSAFE_ON_TERMINAL = {**_CONTROL, 0x09: "\t", 0x0A: "\n", 0x0D: None}


class ReaderGone(BaseException):
    """Whoever read our output has closed it (`| head`): the command ends silently. No error for a command to catch."""


class Console:
    """json: standard output carries one envelope and nothing else; `line` and `write` are for people and say nothing.
    spoken: something has been sent to standard output.
    """

    def __init__(self, stdin: TextIO, stdout: TextIO, stderr: TextIO, *, json: bool = False) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._stderr = stderr
        self.json = json
        self.spoken = False
        self.input_is_terminal = stdin.isatty()
        self.output_is_terminal = stdout.isatty()
        self.errors_are_terminal = stderr.isatty()

    @classmethod
    def of_process(cls, *, json: bool) -> Console:
        """The process's own streams; one that is closed reads empty or swallows what is written."""
        nothing = os.devnull
        return cls(
            sys.stdin or open(nothing, encoding="utf-8"),  # noqa: PTH123  (lives as long as the process)
            sys.stdout or open(nothing, "w", encoding="utf-8"),  # noqa: PTH123
            sys.stderr or open(nothing, "w", encoding="utf-8"),  # noqa: PTH123
            json=json,
        )

    @property
    def encoding(self) -> str:
        return self._stdout.encoding or "utf-8"

    @property
    def width(self) -> int:
        """Columns of the terminal; COLUMNS wins, as everywhere."""
        import shutil  # slow to import, and only a terminal needs it

        return shutil.get_terminal_size((100, 24)).columns

    @property
    def stream(self) -> TextIO:
        """Standard output itself, for a renderer that needs a file. Only in human mode."""
        return self._stdout

    def write(self, text: str) -> None:
        """Text for people, now. On a terminal without control characters."""
        if not self.json:
            self.emit(text.translate(_UNSAFE_ON_TERMINAL) if self.output_is_terminal else text)

    def control(self, sequence: str) -> None:
        """A sequence of our own that steers the terminal; nothing where there is none."""
        if self.output_is_terminal and not self.json:
            self.emit(sequence)

    def line(self, text: str = "") -> None:
        self.write(text + "\n")

    def note(self, text: str) -> None:
        """A remark on standard error, so that standard output stays what was asked for. Not in JSON mode."""
        if not self.json:
            self.complain(text)

    def complain(self, text: str) -> None:
        """An error or remark on standard error; nobody listening there is no fault."""
        safe = text.translate(_UNSAFE_ON_TERMINAL) if self.errors_are_terminal else text
        try:
            self._stderr.write(_storable(safe, self._stderr) + "\n")
            self._stderr.flush()
        except OSError:
            return

    def emit(self, text: str) -> None:
        """Text on standard output as it is. Raises ReaderGone; InternalError when it cannot be written."""
        self.spoken = True
        try:
            self._stdout.write(_storable(text, self._stdout))
            self._stdout.flush()
        except BrokenPipeError:
            self.abandon_output()
            raise ReaderGone from None
        except OSError as fault:
            self.abandon_output()
            raise InternalError(
                f"cannot write to standard output: {fault.strerror or fault}", hint="is the disk full?"
            ) from fault

    def emit_bytes(self, data: bytes) -> None:
        """Bytes on standard output as they are. Raises as `emit` does; InternalError where it takes text alone."""
        self.spoken = True
        target = getattr(self._stdout, "buffer", None)
        if target is None:
            raise InternalError("standard output takes no bytes", hint="write to a file")
        try:
            target.write(data)
            target.flush()
        except BrokenPipeError:
            self.abandon_output()
            raise ReaderGone from None
        except OSError as fault:
            self.abandon_output()
            raise InternalError(
                f"cannot write to standard output: {fault.strerror or fault}", hint="is the disk full?"
            ) from fault

    def ask(self, question: str) -> str | None:
        """A line from the person at the terminal, without its line end; None at the end of input (Ctrl-D). Raises
        InvalidRequest when it is not text.
        """
        try:
            if self.edits_lines:
                return _edited_line(question)
            self.write(question)
            answer = self._stdin.readline()
        except UnicodeDecodeError as fault:
            raise InvalidRequest("that is not UTF-8 text", hint="check the terminal's encoding") from fault
        return answer.rstrip("\r\n") if answer else None

    @property
    def edits_lines(self) -> bool:
        """`ask` offers line editing: the process's own terminal is on both ends."""
        return self._stdin is sys.stdin and self.input_is_terminal and self.output_is_terminal

    def read_bytes(self, most: int) -> bytes:
        """Standard input to its end, but no more than so many bytes. Raises InvalidRequest when it cannot be read."""
        source = getattr(self._stdin, "buffer", None)
        try:
            data: bytes = self._stdin.read(most).encode() if source is None else source.read(most)
        except OSError as fault:
            raise InvalidRequest(f"standard input cannot be read: {fault.strerror or fault}") from fault
        return data[:most]

    def read_some(self, size: int) -> bytes:
        """What standard input holds now, up to so many bytes; waits for the first. b"" at its end. Raises OSError. Not
        beside the other ways to read it.
        """
        source = getattr(self._stdin, "buffer", None)
        if source is None:
            return self._stdin.read(size).encode()
        raw = getattr(source, "raw", source)
        return bytes(raw.read(size) or b"")

    @property
    def input_is_ready(self) -> bool:
        """Whether `read_some` would not wait."""
        import select  # only a pipe needs it

        try:
            return bool(select.select([self._stdin], [], [], 0)[0])
        except (OSError, ValueError):  # no descriptor, so nothing to wait for
            return True

    def abandon_output(self) -> None:
        """Nothing more can be written: keep the interpreter from trying again at exit."""
        try:
            target = self._stdout.fileno()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, target)
            os.close(null)
        except OSError:
            return


def _edited_line(question: str) -> str | None:
    """A line typed with editing and history, where Python has them; None for Ctrl-D."""
    with suppress(ImportError):
        import readline  # noqa: F401  (input() takes it from there)
    try:
        return input(question)
    except EOFError:
        return None


def _storable(text: str, stream: TextIO) -> str:
    """What the stream's encoding cannot hold (half a surrogate from a hostile file name, say) becomes `?`."""
    encoding = stream.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.encode(encoding, "replace").decode(encoding)
    return text
