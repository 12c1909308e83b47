"""From a request to a row for the engine: template, tokens, limits, sampling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from application.inference.answer_text import AnswerText
from domain.errors import ContextLengthExceeded, GenerationFailed, MlxkError
from domain.inference import GenerationRequest, resolve_sampling
from ports.text_codec import TextCodec
from ports.text_engine import EngineRow

# No text has so many characters a token on average: what is longer is refused unread, because tokenising megabytes
# takes seconds, and the requests behind it wait.
MOST_CHARACTERS_PER_TOKEN = 16


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """row: for the engine. text: for whoever reads the engine's steps."""

    row: EngineRow
    text: AnswerText


class PrepareRequest:
    """Does no MLX work. fresh_seed: 64 random bits for a request that names no seed."""

    def __init__(self, codec: TextCodec, fresh_seed: Callable[[], int]) -> None:
        self._codec = codec
        self._fresh_seed = fresh_seed

    def execute(self, request_id: int, request: GenerationRequest) -> PreparedRequest:
        """Raises InvalidRequest, ContextLengthExceeded, or GenerationFailed when template or tokenizer break."""
        codec = self._codec
        _refuse_hopeless(request, codec.context_length)
        try:
            prompt = codec.encode(request)
            decoder = codec.decoder()
        except MlxkError:
            raise
        except Exception as fault:
            raise GenerationFailed(
                f"the model's chat template or tokenizer failed on this conversation: {type(fault).__name__}: {fault}"
            ) from fault
        max_tokens = request.limits.resolve(len(prompt.tokens), codec.context_length)
        sampling = resolve_sampling(request.sampling, codec.generation_config, self._fresh_seed())
        return PreparedRequest(
            EngineRow(request_id, prompt.tokens, max_tokens, sampling),
            AnswerText(decoder, request.stop, len(prompt.tokens)),
        )


def _refuse_hopeless(request: GenerationRequest, context_length: int) -> None:
    characters = sum(len(message.content) for message in request.messages)
    if characters > context_length * MOST_CHARACTERS_PER_TOKEN:
        raise ContextLengthExceeded(
            f"the conversation has {characters:,} characters; a context of {context_length:,} tokens cannot hold it",
            hint="shorten the conversation",
            param="messages",
        )
