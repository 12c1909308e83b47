"""How questions about pictures are to be answered: what a request says, and what whoever answers has settled."""

from __future__ import annotations

from dataclasses import dataclass

from domain.errors import InvalidRequest
from domain.inference.picture_limits import MOST_PICTURES


@dataclass(frozen=True, slots=True)
class PictureWishes:
    """chunk: so many pictures of the last question at a time, each group with an answer of its own; None is the rule of
    whoever answers. table: put the table of the pictures before the answer.

    Raises InvalidRequest for a chunk out of range.
    """

    chunk: int | None = None
    table: bool = True

    def __post_init__(self) -> None:
        require_chunk(self.chunk)


@dataclass(frozen=True, slots=True)
class PictureRules:
    """chunk: for requests that name none; None is all pictures at once. describe: write before each picture, for the
    model, what is known of it. exif: read where, when and with what a picture was taken.
    """

    chunk: int | None = None
    describe: bool = True
    exif: bool = True


USUAL_PICTURES = PictureRules()


def require_chunk(chunk: int | None) -> None:
    """Raises InvalidRequest."""
    if chunk is not None and not 1 <= chunk <= MOST_PICTURES:
        raise InvalidRequest(
            f"chunk must be from 1 to {MOST_PICTURES}, got {chunk}",
            hint="leave it out to show all pictures at once",
            param="chunk",
        )
