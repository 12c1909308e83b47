"""From a request to a row: what is refused before any work is done."""

from __future__ import annotations

import pytest

from application.inference.prepare_request import MOST_CHARACTERS_PER_TOKEN, PrepareRequest
from domain.errors import ContextLengthExceeded
from domain.inference import GenerationRequest, Message, Role
from ports.text_codec import EncodedPrompt
from tests.support.fakes.codec import ByteCodec

CONTEXT = 64


class Counting(ByteCodec):
    """Counts how often it had to tokenise."""

    encoded = 0

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        self.encoded += 1
        return super().encode(request)


def conversation(*sizes: int) -> GenerationRequest:
    return GenerationRequest(messages=tuple(Message(Role.USER, "x" * size) for size in sizes))


def test_a_conversation_that_no_context_can_hold_is_refused_unread() -> None:
    codec = Counting(CONTEXT)
    with pytest.raises(ContextLengthExceeded, match="1,025 characters; a context of 64 tokens"):
        PrepareRequest(codec, lambda: 1).execute(1, conversation(1000, CONTEXT * MOST_CHARACTERS_PER_TOKEN - 999))
    assert codec.encoded == 0


def test_a_long_one_is_counted_in_tokens() -> None:
    codec = Counting(CONTEXT)
    with pytest.raises(ContextLengthExceeded, match="leaves no room"):
        PrepareRequest(codec, lambda: 1).execute(1, conversation(CONTEXT * MOST_CHARACTERS_PER_TOKEN))
    assert codec.encoded == 1


def test_a_fitting_one_becomes_a_row_with_the_rest_of_the_context() -> None:
    prepared = PrepareRequest(ByteCodec(CONTEXT), lambda: 7).execute(1, conversation(10))
    assert (len(prepared.row.prompt), prepared.row.max_tokens, prepared.row.sampling.seed) == (12, 52, 7)
