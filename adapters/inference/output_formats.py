"""How a model marks thoughts and calls, read from its template and vocabulary."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from adapters.inference.tool_parsing import ToolFormat
from domain.inference import OutputFormat, ReasoningMarks

CHANNEL_TOKENS = ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>")
REASONING_MARKS = (
    ("<think>", "</think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<|think:start|>", "<|think:end|>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought", "<channel|>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
    ("<thinking>", "</thinking>"),
)
# Marks that are no token of their own, with the tokens that they are made of.
_PARTS = {
    "<|channel>thought": ("<|channel>", "<channel|>"),
    "<|open|>think<|sep|>": ("<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"),
}


def read_output_format(tokenizer: Any, source: str, tools: ToolFormat | None) -> OutputFormat:
    """source: the chat template's text, "" for none. tools: how it writes calls, where that is known."""
    vocabulary = tokenizer.get_vocab()
    if all(token in vocabulary for token in CHANNEL_TOKENS):
        return OutputFormat(channels=True)
    return OutputFormat(_reasoning_marks(vocabulary, source), tools.marks if tools else None)


def _reasoning_marks(vocabulary: Collection[str], source: str) -> ReasoningMarks | None:
    """The template's word counts first: a vocabulary may name marks that this model was never taught."""
    in_template = (pair for pair in REASONING_MARKS if pair[0] in source and pair[1] in source)
    only_closed = (pair for pair in REASONING_MARKS if pair[1] in source and _in_vocabulary(pair, vocabulary))
    in_vocabulary = (pair for pair in REASONING_MARKS if _in_vocabulary(pair, vocabulary))
    pair = next(in_template, None) or next(only_closed, None) or next(in_vocabulary, None)
    return ReasoningMarks(*pair) if pair else None


def _in_vocabulary(pair: tuple[str, str], vocabulary: Collection[str]) -> bool:
    return all(token in vocabulary for token in _PARTS.get(pair[0], pair))
