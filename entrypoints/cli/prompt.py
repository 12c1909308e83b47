"""Puts the question together from words, --prompt and standard input."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import UsageError
from entrypoints.cli.attachments import MOST_BYTES, text_of
from entrypoints.cli.console import Console

STANDARD_INPUT = "-"
INTERRUPTED_NOTE = "Generation interrupted by user"
_WAYS = 'write `mlxk run MODEL "your question"`, or `mlxk run MODEL -` to read it from standard input'


def assemble(words: Sequence[str], option: str | None, console: Console, before: str = "") -> str | None:
    """The question, or None when none was given. `before` (files, say) comes first, then standard input, then the rest,
    an empty line between them.

    Raises UsageError for words beside --prompt, for an empty question and for text that is not Unicode; InvalidRequest
    and PayloadTooLarge for a standard input that could not be given as a file either.
    """
    spoken = [word for word in words if word != STANDARD_INPUT]
    from_input = len(spoken) < len(words)
    if option is not None and spoken:
        raise UsageError(
            f"the prompt is given twice: --prompt and {' '.join(spoken)!r}", hint="give it as --prompt or as words"
        )
    if not words and option is None:
        return None
    rest = " ".join(spoken) if option is None else option
    parts = [_piped(console).rstrip("\r\n")] if from_input else []
    parts += [rest] if rest else []
    question = joined(parts)
    if not question.strip():
        raise UsageError("the prompt is empty", hint=_WAYS)
    return checked(joined((before, question)))


def _piped(console: Console) -> str:
    return text_of(console.read_bytes(MOST_BYTES + 1), "standard input")


def joined(parts: Sequence[str]) -> str:
    """With an empty line between those that are not empty."""
    return "\n\n".join(part for part in parts if part)


def missing() -> UsageError:
    """No question, and nobody at a terminal to ask."""
    return UsageError("the prompt is missing", hint=_WAYS)


def checked(text: str) -> str:
    """The text itself. Raises UsageError when it holds bytes that were no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the prompt is not UTF-8 text", hint="check the terminal's encoding") from None
    return text
