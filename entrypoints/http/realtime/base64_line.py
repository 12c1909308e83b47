"""Sound as base64, in pieces that may end anywhere."""

from __future__ import annotations

import binascii

from domain.errors import InvalidRequest

QUANTUM = 4  # characters, for three bytes


class Base64Line:
    """What is left of a piece waits for the next one; padding ends a text. One thread."""

    def __init__(self) -> None:
        self._left = ""

    def read(self, piece: str) -> bytes:
        """Raises InvalidRequest for what is no base64; then nothing of it waits."""
        text = self._left + piece
        whole = len(text) - len(text) % QUANTUM
        self._left = ""
        decoded = _decoded(text[:whole])
        self._left = text[whole:]
        return decoded

    def rest(self) -> bytes:
        """Nothing more comes: what waits, as if it were padded. Raises as `read` does."""
        text, self._left = self._left, ""
        return _decoded(text + "=" * (-len(text) % QUANTUM))

    def clear(self) -> None:
        self._left = ""


def _decoded(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except (binascii.Error, ValueError) as fault:
        raise InvalidRequest(
            f"audio is no base64: {fault}", hint="encode the samples with the standard alphabet", param="audio"
        ) from fault
