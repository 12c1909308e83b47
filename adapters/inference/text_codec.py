"""Text to tokens and back, through the tokenizer that mlx-lm loads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError
from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, SPMStreamingDetokenizer

from adapters.inference.token_decoder import ByteDecoder, WindowDecoder, byte_level_table, sentencepiece_table
from domain.errors import InvalidRequest
from domain.inference import PLAIN, GenerationRequest, Message, OutputFormat, Role, Tool, ToolCall
from ports.text_codec import EncodedPrompt, TokenDecoder
from ports.token_constraint import TokenConstraint

PARAGRAPH_NAMES = {
    Role.USER: "User: ",
    Role.ASSISTANT: "Assistant: ",
    Role.TOOL: "Tool: ",
    Role.SYSTEM: "",
    Role.DEVELOPER: "",
}


class MlxTextCodec:
    """TextCodec over mlx-lm's TokenizerWrapper. Decoders may be used on another thread than `encode_chat`.

    Answers are spelled as mlx-lm spells them: special tokens inside an answer are shown, no spaces are cleaned up.
    """

    def __init__(self, tokenizer: Any, context_length: int, generation_config: Mapping[str, object]) -> None:
        self._tokenizer = tokenizer
        self._context_length = context_length
        self._generation_config = dict(generation_config)
        self._lock = threading.Lock()  # a fast tokenizer does not bear two calls at once
        self._new_decoder = self._decoder_family()

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def generation_config(self) -> Mapping[str, object]:
        return self._generation_config

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        return EncodedPrompt(self._encode_chat(request.messages))

    def _encode_chat(self, messages: Sequence[Message]) -> tuple[int, ...]:
        for at, message in enumerate(messages):
            _refuse_lone_surrogates(at, message.content)
        with self._lock:
            if not self._tokenizer.has_chat_template:
                return tuple(self._tokenizer.encode(as_paragraphs(messages)))
            turns = [message.for_template() for message in messages]
            try:
                return tuple(self._tokenizer.apply_chat_template(turns, add_generation_prompt=True))
            except TemplateError as refusal:
                raise InvalidRequest(
                    f"the model's chat template refuses the conversation: {refusal.message or refusal}",
                    hint="change the order or the roles of the messages",
                    param="messages",
                ) from refusal

    @property
    def output_format(self) -> OutputFormat:
        return PLAIN

    def decoder(self) -> TokenDecoder:
        return self._new_decoder()

    def token_bytes(self, token: int) -> bytes:
        return self._decode([token]).encode()

    def parse_tool_calls(self, text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
        raise ValueError(f"this model knows no calls, of {len(tools)} tools: {text[:40]}")

    def constraint(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:  # noqa: ARG002
        return None

    def _decoder_family(self) -> Callable[[], TokenDecoder]:
        """mlx-lm has read tokenizer.json and knows which family it is."""
        family = self._tokenizer.detokenizer
        if isinstance(family, BPEStreamingDetokenizer):
            table = byte_level_table(self._tokenizer.get_vocab())
            return lambda: ByteDecoder(table)
        if isinstance(family, SPMStreamingDetokenizer):
            table = sentencepiece_table(self._tokenizer.get_vocab())
            strip_space = family.trim_space
            return lambda: ByteDecoder(table, strip_space)
        return lambda: WindowDecoder(self._decode)

    def _decode(self, tokens: Sequence[int]) -> str:
        with self._lock:
            text = self._tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return str(text)


def as_paragraphs(messages: Sequence[Message]) -> str:
    """For a model without a chat template: one paragraph a turn, then the opening of the assistant's.

    `system words`, `User: ...`, `Assistant: ...`, separated by empty lines.
    """
    turns = [f"{PARAGRAPH_NAMES[message.role]}{message.content}" for message in messages]
    return "\n\n".join([*turns, "Assistant:"])


def _refuse_lone_surrogates(at: int, content: str) -> None:
    try:
        content.encode()
    except UnicodeEncodeError as fault:
        raise InvalidRequest(
            f"message {at} holds half a character (a lone surrogate) at position {fault.start}",
            hint="send the text as valid Unicode",
            param="messages",
        ) from fault
