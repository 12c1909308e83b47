"""Codecs over small tokenizers with templates in the formats of the families, and hands to drive a constraint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlx_lm.utils import load_tokenizer
from tokenizers import AddedToken, Tokenizer

from adapters.inference.text_codec import MlxTextCodec
from domain.errors import GenerationFailed
from domain.inference import GenerationRequest, Message, Role, Tool
from ports.token_constraint import TokenConstraint
from tests.support.tiny_llama import CHAT_TEMPLATE, byte_level_tokenizer

WEATHER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = Tool("weather", "tells the weather", WEATHER_SCHEMA)
CLOCK = Tool("clock")

TURNS = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
OPENING = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
CHATML_TOKENS = ("<|im_start|>", "<|im_end|>")
CHATML = TURNS + OPENING
# As qwen3 does it: tools as JSON, calls as JSON between marks, thoughts that can be switched off.
THINKER = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    'Call with <tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n'
    "{% endif %}" + TURNS + "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
THINKER_TOKENS = (*CHATML_TOKENS, "<think>", "</think>", "<tool_call>", "</tool_call>")
# As DeepSeek-R1 does it: the prompt opens the thought.
ALWAYS_THINKS = (
    TURNS.replace("m.content", "m.content.split('</think>')[-1]")
    + "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
HARMONY_TOKENS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>", "<|constrain|>")
HARMONY = (
    "{% if reasoning_effort is defined %}<|start|>system<|message|>Reasoning: {{ reasoning_effort }}<|end|>{% endif %}"
    "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
    "{% for m in messages %}<|start|>{{ m.role }}"
    "{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


@dataclass(frozen=True, slots=True)
class ToyModel:
    """tokens: added ones, special unless they are in `plain`. template: one, several by name, or None."""

    template: str | Mapping[str, str] | None = CHAT_TEMPLATE
    tokens: Sequence[str] = ()
    plain: Sequence[str] = ("<think>", "</think>", "<tool_call>", "</tool_call>")
    tokenizer: Tokenizer | None = None
    eos: str = "<|end|>"
    config: Mapping[str, object] = field(default_factory=dict)
    tokenizer_config: Mapping[str, object] = field(default_factory=dict)

    def wrapper(self, folder: Path) -> Any:
        """mlx-lm's TokenizerWrapper, read from files."""
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer = self.tokenizer or byte_level_tokenizer()
        for token in self.tokens:
            added = AddedToken(token, special=token not in self.plain, normalized=False)
            (tokenizer.add_tokens if token in self.plain else tokenizer.add_special_tokens)([added])
        tokenizer.save(str(folder / "tokenizer.json"))
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": self.eos, **self.tokenizer_config}
        if isinstance(self.template, Mapping):
            config["chat_template"] = [{"name": name, "template": text} for name, text in self.template.items()]
        elif self.template is not None:
            (folder / "chat_template.jinja").write_text(self.template, encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        return load_tokenizer(folder)

    def codec(self, folder: Path, context_length: int = 4096) -> MlxTextCodec:
        return MlxTextCodec(self.wrapper(folder), context_length, {}, self.config)


THINKER_MODEL = ToyModel(THINKER, THINKER_TOKENS, eos="<|im_end|>")
HARMONY_MODEL = ToyModel(HARMONY, HARMONY_TOKENS, eos="<|return|>")


def ask(*texts: str, **more: Any) -> GenerationRequest:
    """The user says the first text, the assistant the second, and so on."""
    roles = (Role.USER, Role.ASSISTANT)
    turns = tuple(Message(roles[at % 2], text) for at, text in enumerate(texts))
    return GenerationRequest(turns, **more)


def prompt_text(codec: MlxTextCodec, request: GenerationRequest) -> str:
    return text_of(codec, codec.encode(request).tokens)


def text_of(codec: MlxTextCodec, tokens: Sequence[int]) -> str:
    return b"".join(codec.token_bytes(token) for token in tokens).decode()


def tokens_of(codec: MlxTextCodec, text: str) -> list[int]:
    return list(codec._tokenizer.encode(text, add_special_tokens=False))


def constraint_of(codec: MlxTextCodec, request: GenerationRequest) -> TokenConstraint:
    found = codec.constraint(request, codec.encode(request))
    assert found is not None
    return found


def permits(constraint: TokenConstraint, token: int) -> bool:
    mask = constraint.allowed()
    return mask is None or (token // 8 < len(mask) and bool(mask[token // 8] >> token % 8 & 1))


def refused_at(codec: MlxTextCodec, constraint: TokenConstraint, text: str) -> str | None:
    """Draw the text's tokens in turn; what has been written before the first that is not permitted, None for none.

    What is permitted must be accepted, and what is not must be refused.
    """
    tokens = tokens_of(codec, text)
    for at, token in enumerate(tokens):
        if not permits(constraint, token):
            return text_of(codec, tokens[:at])
        constraint.accept(token)
    return None


def may_stop(codec: MlxTextCodec, constraint: TokenConstraint) -> set[str]:
    """The stop tokens that may come now."""
    return {codec.token_bytes(token).decode() for token in codec.stop_tokens if permits(constraint, token)}


def permitted(codec: MlxTextCodec, constraint: TokenConstraint) -> Iterator[str]:
    for token in range(len(codec._tokenizer)):
        if permits(constraint, token):
            yield codec.token_bytes(token).decode(errors="replace")


def is_refused(constraint: TokenConstraint, token: int) -> bool:
    try:
        constraint.accept(token)
    except GenerationFailed:
        return True
    return False
