"""What goes wrong while a model hears, as the error of a request."""

from __future__ import annotations

from domain.errors import GenerationFailed, InsufficientMemory, MlxkError

WORDS = 300  # characters of a library's complaint


def as_failure(fault: Exception) -> MlxkError:
    """The fault itself where it is one of ours."""
    if isinstance(fault, MlxkError):
        return fault
    if isinstance(fault, MemoryError):
        failure: MlxkError = InsufficientMemory("there is no memory for this sound", hint="send a shorter one")
    else:
        words = " ".join(str(fault).split()) or type(fault).__name__
        failure = GenerationFailed(f"the model failed on this sound: {words[:WORDS]}")
    failure.__cause__ = fault
    return failure
