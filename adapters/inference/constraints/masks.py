"""Sets of tokens as bits, least significant first."""

from __future__ import annotations

from collections.abc import Iterable


def all_but(size: int, tokens: Iterable[int]) -> bytes:
    """Every token below `size` except these."""
    return without(b"\xff" * (size // 8) + (bytes([(1 << size % 8) - 1]) if size % 8 else b""), tokens)


def without(mask: bytes, tokens: Iterable[int]) -> bytes:
    """`mask` except these."""
    fewer = bytearray(mask)
    for token in tokens:
        if token // 8 < len(fewer):
            fewer[token // 8] &= 0xFF ^ (1 << token % 8)
    return bytes(fewer)


def with_tokens(mask: bytes, tokens: Iterable[int]) -> bytes:
    """`mask` and these."""
    wider = bytearray(mask)
    for token in tokens:
        wider.extend(bytes(max(0, token // 8 + 1 - len(wider))))
        wider[token // 8] |= 1 << token % 8
    return bytes(wider)


def holds(mask: bytes, token: int) -> bool:
    return token // 8 < len(mask) and bool(mask[token // 8] >> token % 8 & 1)
