"""Text to tokens and back, through the tokenizer that mlx-lm loads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, NewlineTokenizer, SPMStreamingDetokenizer

from adapters.inference.chat_template import ChatTemplate, Turn
from adapters.inference.constraints import new_constraint_factory
from adapters.inference.conversation_prompt import (
    Conversation,
    PromptText,
    as_paragraphs,
    bare_text,
    opens_thought,
    render_prompt,
)
from adapters.inference.output_formats import read_output_format
from adapters.inference.stop_ids import declared_ids, stop_ids
from adapters.inference.template_variables import Thinking, template_variables
from adapters.inference.token_decoder import (
    ByteDecoder,
    TokenBytes,
    WindowDecoder,
    byte_level_table,
    decoded_table,
    longest_length,
    sentencepiece_table,
)
from adapters.inference.tool_parsing import parse_calls, read_tool_format
from domain.errors import CapabilityMismatch, InvalidRequest, MlxkError
from domain.inference import (
    BarePrompt,
    GenerationRequest,
    Message,
    OutputFormat,
    PromptOptions,
    Tool,
    ToolCall,
    ToolMode,
    ToolUse,
)
from domain.inference.text_length import TextLength
from ports.text_codec import EncodedPrompt, TokenDecoder
from ports.token_constraint import TokenConstraint


class MlxTextCodec:
    """TextCodec over mlx-lm's TokenizerWrapper. Decoders may be used on another thread than `encode`.

    Answers are spelled as mlx-lm spells them: special tokens inside an answer are shown, no spaces are cleaned up.
    Special tokens spelled out in a message are read as such, as mlx-lm reads them.
    config: the model's config.json, for the stop tokens that it names.
    """

    _marks_templates = False  # the tokenizer adds its marks to what the template has written

    def __init__(
        self,
        tokenizer: Any,
        context_length: int,
        generation_config: Mapping[str, object],
        config: Mapping[str, object] | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._context_length = context_length
        self._generation_config = dict(generation_config)
        self._lock = threading.Lock()  # a fast tokenizer does not bear two calls at once
        self._template = ChatTemplate(tokenizer)
        source = self._template.source(with_tools=True)
        self._tool_format = read_tool_format(tokenizer, source)
        self._output_format = read_output_format(tokenizer, source, self._tool_format)
        self.stop_tokens = stop_ids(tokenizer, config or {}, generation_config, self._output_format)
        self._declared_stops = declared_ids(tokenizer, config or {}, generation_config)
        self._token_bytes, self._new_decoder = self._decoder_family()
        self._constraints = new_constraint_factory(
            tokenizer, self._output_format, self.stop_tokens, self._token_bytes, self._lock
        )
        self._always_thinks: bool | None = None
        self._longest_token: TextLength | None = None
        self._vocabulary_size: int | None = None

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def vocabulary(self) -> Mapping[str, int]:
        """Tokens by their texts."""
        words: Mapping[str, int] = self._tokenizer.get_vocab()
        return words

    @property
    def declared_stops(self) -> frozenset[int]:
        return self._declared_stops

    @property
    def generation_config(self) -> Mapping[str, object]:
        return self._generation_config

    @property
    def output_format(self) -> OutputFormat:
        return self._output_format

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        refuse_half_turns(request)
        with self._lock:
            if request.bare is not None:
                return self._encode_bare(request.bare)
            if self._by_template(request):
                return self._encode_by_template(request)
            text = self._written_plainly(request).text
            return EncodedPrompt(tuple(self._tokens(text, special=not self._begins_specially(text))))

    def decoder(self) -> TokenDecoder:
        return self._new_decoder()

    def token_bytes(self, token: int) -> bytes:
        return self._token_bytes(token)

    def longest_token(self) -> TextLength:
        if self._longest_token is None:
            self._longest_token = longest_length(self._token_bytes, self._tokenizer.get_vocab().values())
        return self._longest_token

    def parse_tool_calls(self, text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
        if self._tool_format is None:
            raise ValueError(f"this model marks no calls: {text[:80]!r}")
        return parse_calls(self._tool_format, text, tools)

    def constraint(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:
        return self._constraints.build(request, prompt)

    # Prompts; the lock is held

    def _encode_bare(self, bare: BarePrompt) -> EncodedPrompt:
        if bare.text is None:
            return EncodedPrompt(self._known_tokens(bare.tokens))
        _refuse_half_characters("the prompt", bare.text)
        tokens = self._tokens(bare.text, special=not self._begins_specially(bare.text))
        added = len(tokens) - len(self._tokens(bare.text, special=False)) if bare.echo else 0
        return EncodedPrompt(tuple(tokens), added=max(added, 0))

    def _known_tokens(self, tokens: tuple[int, ...]) -> tuple[int, ...]:
        if self._vocabulary_size is None:
            self._vocabulary_size = max(self._tokenizer.get_vocab().values(), default=-1) + 1
        strange = next((at for at, token in enumerate(tokens) if not 0 <= token < self._vocabulary_size), None)
        if strange is None:
            return tokens
        raise InvalidRequest(
            f"prompt: {tokens[strange]} at place {strange:,} is no token of this model",
            hint=f"its tokens are from 0 to {self._vocabulary_size - 1:,}",
            param="prompt",
        )

    def _by_template(self, request: GenerationRequest) -> bool:
        return request.prompt.template and self._template.exists

    def _encode_by_template(self, request: GenerationRequest) -> EncodedPrompt:
        prompt = self._written_by_template(request)
        tokens, anchors = self._tokens_and_anchors(prompt)
        return EncodedPrompt(tokens, anchors, prompt.reasoning_open, starts_tool_call=prompt.starts_tool_call)

    def _written_by_template(self, request: GenerationRequest) -> PromptText:
        prompt = render_prompt(self._template, self._output_format, self._conversation(request))
        opening = self._forced_opening(request.tools)
        if opening:
            marks = self._output_format.reasoning
            closing = f"{marks.closing}\n\n" if marks is not None and prompt.reasoning_open else ""
            prompt = PromptText(prompt.text + closing + opening, prompt.turn_ends, starts_tool_call=True)
        _refuse_half_characters("the prompt", prompt.text)
        return prompt

    def _written_plainly(self, request: GenerationRequest) -> PromptText:
        self._refuse_tools_without_template(request)
        text = as_paragraphs(request.messages) if request.prompt.template else bare_text(request.messages)
        _refuse_half_characters("the prompt", text)
        return PromptText(text)

    def _conversation(self, request: GenerationRequest) -> Conversation:
        tools = self._tools_for_template(request.tools)
        known = self._template.variables(with_tools=bool(tools))
        if tools and "tools" not in known:
            raise CapabilityMismatch(
                "the model's chat template knows no tools", hint="send the request without tools", param="tools"
            )
        variables = template_variables(request.prompt, known, self._thinking(request.prompt))
        return Conversation(request.messages, tuple(tool.for_template() for tool in tools), variables, self._spell)

    def _spell(self, message: Message) -> Turn:
        return message.for_template()

    def _tools_for_template(self, tools: ToolUse) -> tuple[Tool, ...]:
        """A named tool is shown alone where no grammar can see to it that it is the one that is called."""
        if tools.mode is not ToolMode.REQUIRED:
            return tools.shown
        if not self._output_format.can_call_tools:
            raise CapabilityMismatch(
                "tool_choice: it is not known how this model marks calls, so none can be required",
                hint="send tool_choice auto",
                param="tool_choice",
            )
        return tools.callable if self._forced_opening(tools) else tools.shown

    def _forced_opening(self, tools: ToolUse) -> str:
        """What the prompt says on the model's behalf when it must call and no grammar can hold its format."""
        marks = self._output_format.tools
        return marks.opening if tools.mode is ToolMode.REQUIRED and marks is not None and not marks.json else ""

    def _thinking(self, options: PromptOptions) -> Thinking:
        can, channels = self._output_format.can_reason, self._output_format.channels
        asks = options.thinking is not None or options.reasoning_effort is not None
        return Thinking(can, always=asks and (channels or self._opens_thought_untold()), channels=channels)

    def _opens_thought_untold(self) -> bool:
        if self._always_thinks is None:
            try:
                text = self._template.render([{"role": "user", "content": "Why?"}], (), "open", {})
            except (MlxkError, ValueError, TypeError, LookupError, AttributeError):
                text = ""  # the conversation itself will say what is wrong
            self._always_thinks = opens_thought(self._output_format, text)
        return self._always_thinks

    def _refuse_tools_without_template(self, request: GenerationRequest) -> None:
        if request.tools.shown:
            raise CapabilityMismatch(
                "tools need the model's chat template", hint="send the request without tools", param="tools"
            )
        if not self._template.exists:
            template_variables(request.prompt, (), Thinking(can=False))

    # Tokens; the lock is held

    def _tokens(self, text: str, special: bool) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=special))

    def _begins_specially(self, text: str) -> bool:
        """The text says the token that the tokenizer would put before it."""
        begin = self._tokenizer.bos_token
        return bool(begin) and text.startswith(begin)

    def _adds_special(self, text: str) -> bool:
        return self._marks_templates and not self._begins_specially(text)

    def _tokens_and_anchors(self, prompt: PromptText) -> tuple[tuple[int, ...], tuple[int, ...]]:
        inner = self._tokenizer._tokenizer
        if not inner.is_fast or isinstance(inner, NewlineTokenizer):
            return tuple(self._tokens(prompt.text, special=self._adds_special(prompt.text))), ()
        encoded = inner(prompt.text, add_special_tokens=self._adds_special(prompt.text))
        anchors = (_token_at(encoded, end, len(prompt.text)) for end in prompt.turn_ends)
        return tuple(encoded["input_ids"]), tuple(sorted({anchor for anchor in anchors if anchor}))

    def _decoder_family(self) -> tuple[TokenBytes, Callable[[], TokenDecoder]]:
        """mlx-lm has read tokenizer.json and knows which family it is."""
        family = self._tokenizer.detokenizer
        if isinstance(family, BPEStreamingDetokenizer):
            table = byte_level_table(self._tokenizer.get_vocab())
            return table, lambda: ByteDecoder(table)
        if isinstance(family, SPMStreamingDetokenizer):
            table = sentencepiece_table(self._tokenizer.get_vocab())
            strip_space = family.trim_space
            return table, lambda: ByteDecoder(table, strip_space)
        vocabulary = self._tokenizer.get_vocab()
        return decoded_table(vocabulary, self._decode), lambda: WindowDecoder(self._decode)

    def _decode(self, tokens: Sequence[int]) -> str:
        with self._lock:
            text = self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)


def _token_at(encoded: Any, end: int, length: int) -> int:
    """How many tokens the first `end` characters are, 0 where a token reaches over that place."""
    if end >= length:
        return len(encoded["input_ids"])
    token = encoded.char_to_token(end)
    return token if token is not None and encoded.token_to_chars(token).start == end else 0


def refuse_half_turns(request: GenerationRequest) -> None:
    """Raises InvalidRequest for text that is no Unicode."""
    for at, message in enumerate(request.messages):
        _refuse_half_characters(f"message {at}", message.content)


def _refuse_half_characters(where: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise InvalidRequest(
            f"{where} holds half a character (a lone surrogate) at position {fault.start}",
            hint="send the text as valid Unicode",
            param="messages",
        ) from fault
