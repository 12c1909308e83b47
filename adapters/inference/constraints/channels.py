"""Answers in gpt-oss's harmony that a grammar holds from a message's header on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.inference.constraints.masks import all_but
from adapters.inference.constraints.matching import GrammarConstraint
from adapters.inference.constraints.staged import Tokens
from domain.inference.transcript_channels import LONGEST_HEADER

START, CHANNEL, MESSAGE = b"<|start|>", b"<|channel|>", b"<|message|>"
# Of any header that is read as one: a character has up to four bytes.
LONGEST_HEADER_BYTES = 4 * LONGEST_HEADER
RECIPIENT = re.compile(rb"to=functions\.([A-Za-z0-9_.:-]+)")
FINAL = re.compile(rb"<\|channel\|>\s*final\b")


class ChannelConstraint:
    """TokenConstraint behind `<|start|>assistant`: headers, thoughts and preambles are free. The final message is held
    to `final`, a call of a function to what `calls` has for it.

    With `final` the answer cannot end before that message, unless with a call: `call_stops` end calls.
    """

    def __init__(
        self,
        final: GrammarConstraint | None,
        calls: Mapping[str, GrammarConstraint],
        tokens: Tokens,
        call_stops: frozenset[int],
        in_final: bool = False,
    ) -> None:
        self._final = final
        self._calls = calls
        self._tokens = tokens
        self._without_stops = all_but(tokens.size, tokens.stops)
        self._with_call_stops = all_but(tokens.size, tokens.stops - call_stops)
        self._header: bytes | None = None if in_final else b""
        self._in_call = False
        self._held = final if in_final else None

    def allowed(self) -> bytes | None:
        if self._held is not None:
            return self._held.allowed()
        if self._final is None:
            return None
        return self._with_call_stops if self._in_call else self._without_stops

    def accept(self, token: int) -> None:
        if self._held is not None:
            self._held.accept(token)
            return
        piece = self._tokens.bytes_of(token)
        if piece == START:
            self._header, self._in_call = b"", False
        elif piece == MESSAGE and self._header is not None:
            self._open_message(self._header)
            self._header = None
        elif piece == CHANNEL:
            self._header = self._longer(piece) or piece
        elif self._header is not None:
            self._header = self._longer(piece)

    def _longer(self, piece: bytes) -> bytes | None:
        """The header with this piece; None for what is too long to be one."""
        header = (self._header or b"") + piece
        return header if len(header) <= LONGEST_HEADER_BYTES else None

    def _open_message(self, header: bytes) -> None:
        recipient = RECIPIENT.search(header)
        if recipient is not None:
            self._in_call = True
            self._held = self._calls.get(recipient[1].decode())
        elif FINAL.search(header):
            self._held = self._final
