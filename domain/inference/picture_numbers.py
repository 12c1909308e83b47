"""Which number a picture goes by: the same one through a whole conversation, by its content, whatever a client keeps of
the earlier turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.inference.attachment import AttachmentKind
from domain.inference.message import Message, Role
from domain.inference.picture_table import MARKER, listed_pictures, short


def number_pictures(messages: Sequence[Message]) -> Mapping[str, int]:
    """From digests to numbers, for all pictures that the turns show. Those that an assistant's table lists keep their
    number; new ones go on from the highest, in their order.
    """
    known: dict[str, int] = {}
    for number, name in _listed(messages):
        known.setdefault(name, number)
    highest = max((number for number, _ in _listed(messages)), default=0)
    numbers: dict[str, int] = {}
    for turn in messages:
        for each in turn.attachments:
            if each.kind is not AttachmentKind.IMAGE or each.digest in numbers:
                continue
            name = short(each.digest)
            if name in known:  # taken out: a second picture with the same short digest is a new one
                numbers[each.digest] = known.pop(name)
            else:
                highest += 1
                numbers[each.digest] = highest
    return numbers


def listed_before(messages: Sequence[Message]) -> frozenset[str]:
    """Short digests of the pictures that a table has shown already."""
    return frozenset(name for _, name in _listed(messages))


def _listed(messages: Sequence[Message]) -> list[tuple[int, str]]:
    answers = (turn.content for turn in messages if turn.role is Role.ASSISTANT and MARKER in turn.content)
    return [row for text in answers for row in listed_pictures(text)]
