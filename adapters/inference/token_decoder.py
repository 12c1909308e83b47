"""Token ids to text as they come, without a broken character on the way.

Two families of tokenizers spell every token as bytes; for them a table of bytes and Python's incremental UTF-8 decoder
are exact and quick. All others are decoded through the tokenizer itself, a short window at a time.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Mapping, Sequence

from domain.inference.text_length import TextLength, text_length

REPLACEMENT = "\ufffd"
TokenBytes = Callable[[int], bytes]
DecodeIds = Callable[[Sequence[int]], str]


class ByteDecoder:
    """For tokenizers whose tokens are bytes. Joined pieces: all bytes, decoded as UTF-8 with U+FFFD for what is none.

    strip_space: the family that writes a space before the first word, and takes it away again.
    """

    def __init__(self, bytes_of: TokenBytes, strip_space: bool = False) -> None:
        self._bytes_of = bytes_of
        self._strip_space = strip_space
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def add(self, token: int) -> str:
        return self._trimmed(self._utf8.decode(self._bytes_of(token)))

    def finish(self) -> str:
        return self._trimmed(self._utf8.decode(b"", final=True))

    def _trimmed(self, text: str) -> str:
        if self._strip_space and text:
            self._strip_space = False
            return text.removeprefix(" ")
        return text


class WindowDecoder:
    """For every other tokenizer: decodes the tokens since the last certain text, with those just before as context.

    A window that ends in U+FFFD may be half a character and waits for the next token.
    """

    def __init__(self, decode: DecodeIds) -> None:
        self._decode = decode
        self._context: list[int] = []
        self._pending: list[int] = []

    def add(self, token: int) -> str:
        self._pending.append(token)
        text = self._pending_text()
        if not text or text.endswith(REPLACEMENT):
            return ""
        self._context, self._pending = self._pending, []
        return text

    def finish(self) -> str:
        text = self._pending_text() if self._pending else ""
        self._pending = []
        return text

    def _pending_text(self) -> str:
        before = self._decode(self._context) if self._context else ""
        return self._decode([*self._context, *self._pending])[len(before) :]


def byte_level_table(vocabulary: Mapping[str, int]) -> TokenBytes:
    """Bytes of a byte-level BPE token (GPT-2's alphabet). A token with a letter outside the alphabet is plain UTF-8."""
    alphabet = _byte_alphabet()

    def spelled(token: str) -> bytes:
        values = [alphabet.get(letter) for letter in token]
        return token.encode() if None in values else bytes(value for value in values if value is not None)

    return _table(vocabulary, spelled)


def sentencepiece_table(vocabulary: Mapping[str, int]) -> TokenBytes:
    """Bytes of a SentencePiece token: `▁` is a space, `<0xE2>` is a byte."""

    def spelled(token: str) -> bytes:
        if len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            return bytes.fromhex(token[3:5])
        return token.replace("▁", " ").encode()

    return _table(vocabulary, spelled)


def decoded_table(vocabulary: Mapping[str, int], decode: DecodeIds) -> TokenBytes:
    """Bytes of a token of any other tokenizer: what it adds to the text of a token before it, spaces included."""
    ids = set(vocabulary.values())
    before = next((at for token, at in vocabulary.items() if len(token) == 1 and token.isalpha()), None)
    known: dict[int, bytes] = {}

    def bytes_of(token_id: int) -> bytes:
        if token_id not in ids:
            return b""
        if token_id not in known:
            context = [] if before is None else [before]
            head = decode(context) if context else ""
            known[token_id] = decode([*context, token_id])[len(head) :].encode()
        return known[token_id]

    return bytes_of


def longest_length(bytes_of: TokenBytes, tokens: Iterable[int]) -> TextLength:
    """The greatest of these tokens' lengths, by either count; at least 1. Part of a character counts as one."""
    lengths = [TextLength(1, 1), *(text_length(bytes_of(token).decode(errors="replace")) for token in tokens)]
    return TextLength(max(length.characters for length in lengths), max(length.without_runs for length in lengths))


def _table(vocabulary: Mapping[str, int], spelled: Callable[[str], bytes]) -> TokenBytes:
    """Ids that the vocabulary does not name (a padded output layer has such) are no text."""
    tokens = {token_id: token for token, token_id in vocabulary.items()}
    known: dict[int, bytes] = {}

    def bytes_of(token_id: int) -> bytes:
        found = known.get(token_id)
        if found is None:
            token = tokens.get(token_id)
            found = known[token_id] = b"" if token is None else spelled(token)
        return found

    return bytes_of


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's letters for bytes: printable Latin-1 stands for itself, the others for U+0100 and on, in order."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}
