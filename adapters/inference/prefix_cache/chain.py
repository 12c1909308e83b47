"""The names of remembered pieces: each hangs on the one before it, the first on all that shapes the values."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence

BLOCK_TOKENS = 256


def root_of(facts: Mapping[str, object]) -> bytes:
    """facts: everything but the tokens that the values in a cache depend on; they must fit into JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=True).encode("ascii")).digest()


def extended(root: bytes, text: str) -> bytes:
    """A root of its own for each text below a root."""
    return hashlib.sha256(root + b"L" + text.encode("utf-8")).digest()


def key_of(parent: bytes, tokens: Sequence[int], *, tail: bool, extra: bytes = b"") -> bytes:
    """parent: 32 bytes, of the piece before or of the root. tail: an end, which nothing hangs on. extra: what else
    stands at these positions, where a token alone does not tell (the digest of a picture).
    """
    digest = hashlib.sha256(parent)
    digest.update(b"T" if tail else b"B")
    digest.update(len(tokens).to_bytes(4, "little"))
    digest.update(array("q", tokens).tobytes())
    digest.update(extra)
    return digest.digest()
