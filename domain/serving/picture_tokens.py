"""Tokens of pictures as the memory of prompts knows them: the same placeholders with another picture are others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

_TOKEN_BITS = 20  # of the placeholder itself, so that it can be told again
_TOKEN_MASK = (1 << _TOKEN_BITS) - 1
_HASH_BYTES = 6
_HASH_MASK = (1 << 43) - 1  # with the token and the sign: 64 bits


def marked(tokens: Sequence[int], pictures: Iterable[tuple[int, int, str]]) -> tuple[int, ...]:
    """tokens with each place of a picture, (start, end, digest), as a negative number that stands for the placeholder,
    the picture and the place in it. Each place brings 43 bits of hash: that two pictures agree takes all of their
    places to. What is negative already is hashed too.
    """
    found = list(tokens)
    for start, end, digest in pictures:
        named = f"{digest} {list(tokens[start:end])}".encode()
        stream = hashlib.shake_256(named).digest(_HASH_BYTES * (end - start))
        for at in range(start, end):
            place = (at - start) * _HASH_BYTES
            number = int.from_bytes(stream[place : place + _HASH_BYTES], "little") & _HASH_MASK
            found[at] = -1 - (number << _TOKEN_BITS | found[at] & _TOKEN_MASK)
    return tuple(found)


def plain(token: int) -> int:
    """The token itself."""
    return token if token >= 0 else (-1 - token) & _TOKEN_MASK


def before_picture(tokens: Sequence[int], length: int) -> int:
    """length, or, where that is in the middle of a picture, the length up to it."""
    if length >= len(tokens) or tokens[length] >= 0:
        return length
    while length and tokens[length - 1] < 0:
        length -= 1
    return length


def text_length(tokens: Sequence[int]) -> int:
    """Tokens before the first picture."""
    return next((at for at, token in enumerate(tokens) if token < 0), len(tokens))
