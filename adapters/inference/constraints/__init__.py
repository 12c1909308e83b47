"""Grammars that hold an answer's form, with llguidance. No MLX."""

from __future__ import annotations

import threading
from typing import Any

from adapters.inference.constraints.compiler import GrammarCompiler
from adapters.inference.constraints.factory import ConstraintFactory, Vocabulary
from adapters.inference.constraints.staged import Tokens
from adapters.inference.token_decoder import TokenBytes
from domain.inference import OutputFormat

__all__ = ["ConstraintFactory", "new_constraint_factory"]


def new_constraint_factory(
    tokenizer: Any, output_format: OutputFormat, stops: frozenset[int], token_bytes: TokenBytes, lock: threading.Lock
) -> ConstraintFactory:
    """For one tokenizer of mlx-lm's, which bears one call at a time: `lock` is held around each. Cheap: the tables are
    made at the first grammar.
    """

    def encode(text: str) -> list[int]:
        with lock:
            return list(tokenizer.encode(text, add_special_tokens=False))

    added = {str(token): int(at) for at, token in tokenizer.added_tokens_decoder.items()}
    tokens = Tokens(len(tokenizer), stops, token_bytes, encode)
    compiler = GrammarCompiler(tokenizer._tokenizer, stops, token_bytes)
    return ConstraintFactory(compiler, output_format, Vocabulary(added, tokens))
