"""A codec whose tokens are the bytes of the text."""

from __future__ import annotations

import codecs
import json
from collections.abc import Mapping, Sequence

from domain.errors import CapabilityMismatch, InvalidRequest
from domain.inference import PLAIN, GenerationRequest, OutputFormat, Role, Tool, ToolCall
from domain.inference.text_length import TextLength
from ports.text_codec import EncodedPrompt
from ports.token_constraint import TokenConstraint

END = 256
BREAKS_DECODER = 300
_ROLE_TOKENS = {Role.SYSTEM: 257, Role.DEVELOPER: 257, Role.USER: 258, Role.ASSISTANT: 259, Role.TOOL: 260}


class ByteCodec:
    """TextCodec: one token a byte, one before each turn. Refuses a conversation that says "refuse me", and breaks on
    one that says "break the template"; its decoder breaks on the token BREAKS_DECODER.
    constraints: last user message -> what its answer is held to.
    """

    def __init__(
        self,
        context_length: int = 512,
        generation_config: Mapping[str, object] | None = None,
        output_format: OutputFormat = PLAIN,
    ) -> None:
        self.constraints: dict[str, TokenConstraint] = {}
        self._output_format = output_format
        self._context_length = context_length
        self._generation_config = dict(generation_config or {})

    @property
    def context_length(self) -> int:
        return self._context_length

    @property
    def generation_config(self) -> Mapping[str, object]:
        return self._generation_config

    def encode(self, request: GenerationRequest) -> EncodedPrompt:
        if request.tools.shown and not (self._output_format.can_call_tools and request.prompt.template):
            raise CapabilityMismatch("this model knows no tools", param="tools")
        if request.bare is not None:
            strange = [token for token in request.bare.tokens if not 0 <= token <= END]
            if strange:
                raise InvalidRequest(f"prompt: {strange[0]} is no token", param="prompt")
            return EncodedPrompt(request.bare.tokens or tuple((request.bare.text or "").encode()))
        if not request.prompt.template:
            return EncodedPrompt(tuple("\n\n".join(message.text for message in request.messages).encode()))
        tokens: list[int] = []
        ends: list[int] = []
        for message in request.messages:
            if message.content == "refuse me":
                raise InvalidRequest("this model refuses that", param="messages")
            if message.content == "break the template":
                raise RuntimeError("the template is broken")
            tokens += [_ROLE_TOKENS[message.role], *message.text.encode()]
            ends.append(len(tokens))
        if request.continues:
            return EncodedPrompt(tuple(tokens), tuple(ends[:-1]))
        return EncodedPrompt((*tokens, _ROLE_TOKENS[Role.ASSISTANT]), tuple(ends))

    @property
    def declared_stops(self) -> frozenset[int]:
        return frozenset({END})

    @property
    def output_format(self) -> OutputFormat:
        return self._output_format

    def token_bytes(self, token: int) -> bytes:
        return bytes([token]) if token < END else b""

    def longest_token(self) -> TextLength:
        return TextLength(1, 1)

    def parse_tool_calls(self, text: str, tools: Sequence[Tool]) -> tuple[ToolCall, ...]:
        call = json.loads(text)
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise ValueError(f"no call: {text}")
        return (ToolCall("", call["name"], json.dumps(call.get("arguments", {}), ensure_ascii=False)),)

    def constraint(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:
        return self.constraints.get(request.messages[-1].content) if request.messages else None

    def decoder(self) -> ByteDecoder:
        return ByteDecoder()


class ByteDecoder:
    """TokenDecoder of ByteCodec. Special tokens are no text."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def add(self, token: int) -> str:
        if token == BREAKS_DECODER:
            raise RuntimeError("no such token")
        return self._utf8.decode(bytes([token])) if token < END else ""

    def finish(self) -> str:
        return self._utf8.decode(b"", final=True)
