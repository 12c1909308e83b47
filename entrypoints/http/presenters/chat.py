"""A whole answer as OpenAI's chat.completion object."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass

from domain.inference import Finished, GenerationEvent, TextDelta, Usage
from entrypoints.http.errors import ClientGone
from mlxk import __version__

SYSTEM_FINGERPRINT = f"mlxk-{__version__}"


@dataclass(frozen=True, slots=True)
class AnswerIdentity:
    """What every part of one answer repeats. created: Unix seconds."""

    answer_id: str
    created: int
    model: str

    @classmethod
    def fresh(cls, model: str) -> AnswerIdentity:
        return cls(f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), model)


def present_answer(identity: AnswerIdentity, events: Iterable[GenerationEvent]) -> dict[str, object]:
    """Reads the answer to its end. Raises ClientGone when it was cancelled, and whatever `events` raises."""
    pieces: list[str] = []
    for event in events:
        if not isinstance(event, Finished):
            pieces.append(event.text if isinstance(event, TextDelta) else "")
            continue
        message = {"role": "assistant", "content": "".join(pieces), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": event.reason.value}
        return {
            "id": identity.answer_id,
            "object": "chat.completion",
            "created": identity.created,
            "model": identity.model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
            "choices": [choice],
            "usage": present_usage(event.usage),
        }
    raise ClientGone


def present_usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
