"""What all parts of one response share."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from mlxk import __version__

SYSTEM_FINGERPRINT = f"mlxk-{__version__}"


@dataclass(frozen=True, slots=True)
class AnswerIdentity:
    """What every part of one answer repeats. created: Unix seconds."""

    answer_id: str
    created: int
    model: str

    @classmethod
    def fresh(cls, model: str, kind: str = "chatcmpl") -> AnswerIdentity:
        return cls(f"{kind}-{secrets.token_hex(12)}", int(time.time()), model)

    def head(self, name: str) -> dict[str, object]:
        """The fields with which every object begins. name: what kind of object it is."""
        return {
            "id": self.answer_id,
            "object": name,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
        }


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What a request wants of the answer's form. scored: logprobs. report: how it came about. include_usage: in a
    stream; a whole answer always has it. choices: how many there are; answers: how many of them to each prompt.
    """

    scored: bool = False
    report: bool = False
    include_usage: bool = False
    choices: int = 1
    answers: int = 1
