"""How much may be attached to one request. Bytes are counted here, pixels by the worker."""

from __future__ import annotations

from domain.errors import PayloadTooLarge

MOST_PICTURE_BYTES = 20_000_000
MOST_TOGETHER_BYTES = 50_000_000
MOST_PICTURES = 100
MOST_PIXELS = 50_000_000  # of one picture
MOST_SIDE = 16_384


class AttachedBytes:
    """Counts what is attached to one request. One thread."""

    def __init__(self) -> None:
        self._count = 0
        self._together = 0

    def add(self, where: str, size: int, param: str) -> None:
        """where: what the caller calls it. Raises PayloadTooLarge, which names the one that is too much."""
        self._count += 1
        self._together += size
        if size > MOST_PICTURE_BYTES:
            raise PayloadTooLarge(
                f"{where} is too large, one may have {_megabytes(MOST_PICTURE_BYTES)}",
                hint="make it smaller: models look at far fewer pixels",
                param=param,
            )
        if self._together > MOST_TOGETHER_BYTES:
            raise PayloadTooLarge(
                f"with {where} there are {_megabytes(self._together)} of pictures, "
                f"together they may have {_megabytes(MOST_TOGETHER_BYTES)}",
                hint="make them smaller, or leave out some of them",
                param=param,
            )
        if self._count > MOST_PICTURES:
            raise PayloadTooLarge(
                f"{where} is one too many: a request may show {MOST_PICTURES}",
                hint="ask about some of them at a time",
                param=param,
            )


def _megabytes(count: int) -> str:
    """Rounded up: what is over a limit must not look like it."""
    return f"{-(-count // 100_000) / 10:,.1f} MB"
