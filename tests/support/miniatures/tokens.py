"""Byte-level tokenizers with a family's marks as real special tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors


def spelled(text: bytes) -> str:
    """These bytes as a byte-level vocabulary spells them: printable Latin-1 stands for itself, the other bytes for the
    letters from U+0100 on, in order.
    """
    plain = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = {byte: chr(256 + at) for at, byte in enumerate(sorted(set(range(256)) - plain))}
    return "".join(others.get(byte, chr(byte)) for byte in text)


def byte_tokenizer(
    special: Sequence[str], pieces: Sequence[str] = (), words: Sequence[str] = (), bos: str | None = None
) -> Tokenizer:
    """One token a byte; `pieces`, byte-level spellings that only an answer uses; the special tokens; `words` that a
    prompt may contain, each one token. bos: a special token that the tokenizer itself puts first.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={text: at for at, text in enumerate([*alphabet, *pieces])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in words])
    if bos is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
