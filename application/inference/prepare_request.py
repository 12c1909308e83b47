"""From a request to a row for the engine: template, tokens, limits, sampling, constraint."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from application.inference.answer_text import AnswerFacts, AnswerText, TokenReader
from application.inference.prompt_echo import PromptEcho
from domain.errors import ContextLengthExceeded, GenerationFailed, InvalidRequest, MlxkError
from domain.inference import PLAIN, GenerationRequest, PicturesSeen, resolve_sampling
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

    @property
    def clock(self) -> Callable[[], float]:
        return self._fresh.clock

    def execute(self, request_id: int, request: GenerationRequest) -> PreparedRequest:
        """Raises what the codec raises (InvalidRequest and its kind), ContextLengthExceeded, or GenerationFailed when
        template, tokenizer or grammar break.
        """
        codec = self._codec
        _refuse_hopeless(request, codec)
        prompt = _guarded("chat template or tokenizer", lambda: codec.encode(request))
        if request.bare is not None and not prompt.tokens:
            raise InvalidRequest("prompt: this model makes no token of it", hint="say something", param="prompt")
        max_tokens = _max_tokens(request, len(prompt.tokens), codec.context_length)
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
            progress=request.progress,
            score_prompt=_score_prompt(request),
            only_read=request.bare is not None and not request.bare.answers,
        )
        return PreparedRequest(row, self._text(request, prompt, row), prompt.seen)

    def prompt(self, request: GenerationRequest) -> EncodedPrompt:
        """The prompt alone. Raises as `execute` does, but not for an answer that cannot fit."""
        _refuse_hopeless(request, self._codec)
        return _guarded("chat template or tokenizer", lambda: self._codec.encode(request))

    def spelled(self, token: int) -> bytes:
        """A token's bytes, for whoever reads the engine's steps. Raises GenerationFailed when the tokenizer breaks."""
        return _guarded("tokenizer", lambda: self._codec.token_bytes(token))

    def _text(self, request: GenerationRequest, prompt: EncodedPrompt, row: EngineRow) -> AnswerText:
        codec, bare = self._codec, request.bare
        max_tokens = 0 if row.only_read else row.max_tokens
        facts = AnswerFacts(len(row.prompt), row.sampling, max_tokens, codec.declared_stops, bare is not None)
        echo = None
        if bare is not None and bare.echo:
            scored = request.logprobs is not None
            echo = _guarded("tokenizer", lambda: PromptEcho(prompt, bare.text, self._reader(), scored=scored))
        return AnswerText(self._reader(), self._transcript(request, prompt), facts, self._fresh.clock, echo)

    def _reader(self) -> TokenReader:
        return TokenReader(_guarded("tokenizer", self._codec.decoder), self._codec.token_bytes)

    def _transcript(self, request: GenerationRequest, prompt: EncodedPrompt) -> Transcript:
        form = self._codec.output_format if request.bare is None else PLAIN
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


def _max_tokens(request: GenerationRequest, prompt_tokens: int, context_length: int) -> int:
    """A prompt that is only read needs no room behind it."""
    if request.bare is None or request.bare.answers:
        return request.limits.resolve(prompt_tokens, context_length)
    if prompt_tokens > context_length:
        raise ContextLengthExceeded(
            f"prompt {prompt_tokens:,} > context {context_length:,}", hint="shorten the prompt", param="prompt"
        )
    return 1


def _score_prompt(request: GenerationRequest) -> int | None:
    """How many of the likeliest tokens to tell for each place of the prompt. A prompt that is only read is scored in
    any case: that is how engines read it.
    """
    bare = request.bare
    if bare is None or not bare.echo or (request.logprobs is None and bare.answers):
        return None
    return request.logprobs or 0


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
    if request.bare is not None:
        texts.append(request.bare.text or "")
    for message in request.messages:
        texts.append(message.content)
        texts += [part for call in message.tool_calls for part in (call.name, call.arguments)]
    for tool in request.tools.shown:
        texts += tool.name, tool.description, json.dumps(dict(tool.parameters), default=str, ensure_ascii=False)
    return texts
