"""G.711: the samples of telephone lines, eight bits each, as 16-bit ones."""

from __future__ import annotations

import sys
from array import array

TELEPHONE_RATE = 8_000


def _from_mu_law(code: int) -> int:
    """All bits come inverted: sign, three bits of exponent, four of mantissa; 33 was added before."""
    bits = ~code & 0xFF
    size = (((bits & 0x0F) << 3) + 0x84) << ((bits & 0x70) >> 4)
    return 0x84 - size if bits & 0x80 else size - 0x84


def _from_a_law(code: int) -> int:
    """Every other bit comes inverted. The lowest exponent has no hidden bit; a set sign bit is positive."""
    bits = code ^ 0x55
    exponent = (bits & 0x70) >> 4
    size = ((bits & 0x0F) << 4) + 8
    if exponent:
        size = (size + 0x100) << (exponent - 1)
    return size if bits & 0x80 else -size


MU_LAW = tuple(_from_mu_law(code) for code in range(256))
A_LAW = tuple(_from_a_law(code) for code in range(256))


def expanded(codes: bytes, table: tuple[int, ...]) -> bytes:
    """16-bit samples, least significant byte first, one for each byte. table: MU_LAW or A_LAW."""
    samples = array("h", map(table.__getitem__, codes))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
