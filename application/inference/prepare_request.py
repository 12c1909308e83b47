"""From a request to a row for the engine: template, tokens, limits, sampling, constraint."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from application.inference.answer_text import AnswerFacts, AnswerText, TokenReader
from domain.errors import ContextLengthExceeded, GenerationFailed, MlxkError
from domain.inference import GenerationRequest, PicturesSeen, resolve_sampling
from domain.inference.text_length import text_length
from domain.inference.transcript import AnswerStart, Transcript
from domain.inference.transcript_calls import CallRules
from domain.serving.kv_room import window_of
from ports.text_codec import EncodedPrompt, TextCodec
from ports.text_engine import EngineRow

# What has more of them may be hopeless: it is measured before it is tokenised, because tokenising megabytes takes
# seconds, and the requests behind it wait.
USUAL_CHARACTERS_PER_TOKEN = 16

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """row: for the engine. text: for whoever reads the engine's steps. seen: to be told before the answer."""

    row: EngineRow
    text: AnswerText
    seen: PicturesSeen | None = None


@dataclass(frozen=True, slots=True)
class FreshValues:
    """seed: 64 random bits, for a request that names none. call_id: one that no other call has. clock: monotonic
    seconds.
    """

    seed: Callable[[], int]
    call_id: Callable[[], str]
    clock: Callable[[], float]


class PrepareRequest:
    """Does no MLX work."""

    def __init__(self, codec: TextCodec, fresh: FreshValues) -> None:
        self._codec = codec
        self._fresh = fresh

    def execute(self, request_id: int, request: GenerationRequest) -> PreparedRequest:
        """Raises what the codec raises (InvalidRequest and its kind), ContextLengthExceeded, or GenerationFailed when
        template, tokenizer or grammar break.
        """
        codec = self._codec
        _refuse_hopeless(request, codec)
        prompt = _guarded("chat template or tokenizer", lambda: codec.encode(request))
        max_tokens = request.limits.resolve(len(prompt.tokens), codec.context_length)
        sampling = resolve_sampling(request.sampling, codec.generation_config, self._fresh.seed())
        row = EngineRow(
            row_id=request_id,
            prompt=prompt.tokens,
            max_tokens=max_tokens,
            sampling=sampling,
            logprobs=request.logprobs,
            constraint=_guarded("grammar", lambda: codec.constraint(request, prompt)),
            anchors=prompt.anchors,
            media=prompt.media,
            count_stops=request.inspect,
            ignore_stops=request.ignore_stops,
            urgency=request.urgency,
            window=window_of(max_tokens, explicit=request.limits.requested is not None),
        )
        reader = TokenReader(_guarded("tokenizer", codec.decoder), codec.token_bytes)
        facts = AnswerFacts(len(prompt.tokens), sampling, max_tokens, codec.declared_stops)
        text = AnswerText(reader, self._transcript(request, prompt), facts, self._fresh.clock)
        return PreparedRequest(row, text, prompt.seen)

    def prompt(self, request: GenerationRequest) -> EncodedPrompt:
        """The prompt alone. Raises as `execute` does, but not for an answer that cannot fit."""
        _refuse_hopeless(request, self._codec)
        return _guarded("chat template or tokenizer", lambda: self._codec.encode(request))

    def spelled(self, token: int) -> bytes:
        """A token's bytes, for whoever reads the engine's steps. Raises GenerationFailed when the tokenizer breaks."""
        return _guarded("tokenizer", lambda: self._codec.token_bytes(token))

    def _transcript(self, request: GenerationRequest, prompt: EncodedPrompt) -> Transcript:
        form = self._codec.output_format
        start = AnswerStart(
            in_thought=prompt.reasoning_open,
            in_call=prompt.starts_tool_call,
            in_text=request.continues or (form.channels and not request.prompt.template),
        )
        return Transcript(form, request.stop_strings, self._call_rules(request), start)

    def _call_rules(self, request: GenerationRequest) -> CallRules | None:
        tools = request.tools.shown
        if not tools:
            return None
        return CallRules(
            parse=lambda text: self._codec.parse_tool_calls(text, tools),
            new_id=self._fresh.call_id,
            offered=frozenset(tool.name for tool in tools),
            parallel=request.tools.parallel,
        )


def _guarded(what: str, make: Callable[[], Made]) -> Made:
    """What a model brings along may break in any way; that is the request's fault, not the worker's."""
    try:
        return make()
    except MlxkError:
        raise
    except Exception as fault:
        raise GenerationFailed(
            f"the model's {what} failed on this conversation: {type(fault).__name__}: {fault}"
        ) from fault


def _refuse_hopeless(request: GenerationRequest, codec: TextCodec) -> None:
    """What cannot fit whatever its tokens are. Thoughts do not count, nor the space around a turn: templates may
    leave them out.
    """
    context_length = codec.context_length
    texts = _texts_of(request)
    characters = sum(map(len, texts))
    if characters <= context_length * USUAL_CHARACTERS_PER_TOKEN:
        return
    lengths = [text_length(text.strip()) for text in texts]
    longest = _guarded("tokenizer", codec.longest_token)
    if (
        sum(length.characters for length in lengths) > context_length * longest.characters
        or sum(length.without_runs for length in lengths) > context_length * longest.without_runs
    ):
        raise ContextLengthExceeded(
            f"the conversation has {characters:,} characters; a context of {context_length:,} tokens cannot hold it",
            hint="shorten the conversation",
            param="messages",
        )


def _texts_of(request: GenerationRequest) -> list[str]:
    texts: list[str] = []
    for message in request.messages:
        texts.append(message.content)
        texts += [part for call in message.tool_calls for part in (call.name, call.arguments)]
    for tool in request.tools.shown:
        texts += tool.name, tool.description, json.dumps(dict(tool.parameters), default=str, ensure_ascii=False)
    return texts
