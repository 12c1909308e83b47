"""Which tokens end an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.inference import OutputFormat

# Tokens that end a turn or a text wherever they are tokens of their own.
TERMINATORS = (
    "</s>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|eot|>",
    "<end_of_turn>",
    "<turn|>",
    "<|end_of_turn|>",
    "<|END_OF_TURN_TOKEN|>",
    "<｜end▁of▁sentence｜>",
    "<|end_of_msg|>",
)
# Tokens that end the assistant's turn in some templates and mean something else in others.
ENDS_IN_SOME = ("<|end|>", "<|user|>", "<|observation|>")
CHANNEL_STOPS = ("<|return|>", "<|call|>", "<|endoftext|>")
PROBE = "Quite so"


def stop_ids(
    tokenizer: Any,
    config: Mapping[str, object],
    generation_config: Mapping[str, object],
    output_format: OutputFormat,
) -> frozenset[int]:
    """All that the tokenizer and the two files name, and the terminators among the added tokens.

    In harmony `<|end|>` ends a message, not the answer: only what CHANNEL_STOPS names does, and what the files name.
    """
    added = {str(token): int(at) for at, token in tokenizer.added_tokens_decoder.items()}
    named = declared_ids(tokenizer, config, generation_config)
    if output_format.channels:
        between = {added[token] for token in ("<|end|>", "<|start|>") if token in added}
        return (named - between) | {added[token] for token in CHANNEL_STOPS if token in added}
    ending = turn_terminator(tokenizer)
    words = (*TERMINATORS, *(word for word in ENDS_IN_SOME if word == ending))
    return named | {added[word] for word in words if word in added}


def declared_ids(
    tokenizer: Any, config: Mapping[str, object], generation_config: Mapping[str, object]
) -> frozenset[int]:
    """Those that the model's own files name as its stop tokens."""
    return frozenset(tokenizer.eos_token_ids) | named_ids(config) | named_ids(generation_config)


def named_ids(config: Mapping[str, object]) -> frozenset[int]:
    """`eos_token_id` is a number or a list of them."""
    value = config.get("eos_token_id")
    values = value if isinstance(value, list) else [value]
    return frozenset(item for item in values if isinstance(item, int) and not isinstance(item, bool))


def turn_terminator(tokenizer: Any) -> str | None:
    """The added token that the template writes right after an assistant's words, or None."""
    if not tokenizer.has_chat_template:
        return None
    turns = [{"role": "user", "content": "Is it?"}, {"role": "assistant", "content": PROBE}]
    turns += [{"role": "user", "content": "And so?"}]
    try:
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
    except Exception:  # noqa: BLE001  a template may raise anything; one that does not take these turns shows nothing
        return None
    after = text.partition(PROBE)[2].lstrip()
    return next((word for word in ENDS_IN_SOME if after.startswith(word)), None)
