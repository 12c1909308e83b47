"""The pictures of a request, decoded, and its turns with what is known of them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from adapters.inference.pictures.reading import Picture, Place, read_picture
from domain.errors import InvalidMedia
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Message
from domain.inference.picture_words import picture_lines

MOST_PIXELS_TOGETHER = 200_000_000
KEPT_BYTES = 96 * 2**20
BYTES_A_PIXEL = 3
NAMES = {AttachmentKind.IMAGE: "picture", AttachmentKind.VIDEO: "video", AttachmentKind.AUDIO: "sound"}


class PictureShelf:
    """Decodes pictures, and keeps those of the last requests: a conversation shows the same ones again and again. One
    thread.
    """

    def __init__(self, exif: bool, kept_bytes: int = KEPT_BYTES) -> None:
        self._exif = exif
        self._kept_bytes = kept_bytes
        self._kept: OrderedDict[str, Picture] = OrderedDict()

    def pictures_of(self, request: GenerationRequest) -> tuple[Picture, ...]:
        """In the order in which they are shown; each file is decoded once. Raises InvalidMedia."""
        shown: dict[str, Picture] = {}
        for place, each in placed(request):
            if each.kind is AttachmentKind.IMAGE and each.digest not in shown:
                shown[each.digest] = self._picture(each, place)
                if sum(map(_pixels, shown.values())) > MOST_PIXELS_TOGETHER:
                    raise InvalidMedia(
                        f"{place} is too much: all pictures together may have {MOST_PIXELS_TOGETHER:,} pixels",
                        hint="send them smaller, or fewer at a time",
                        param=place.param,
                    )
        self._keep(shown)
        return tuple(shown[each.digest] for each in request.pictures)

    def _picture(self, each: Attachment, place: Place) -> Picture:
        return self._kept.get(each.digest) or read_picture(each.data, each.digest, place, self._exif)

    def _keep(self, shown: dict[str, Picture]) -> None:
        for digest, picture in shown.items():
            self._kept[digest] = picture
            self._kept.move_to_end(digest)
        while BYTES_A_PIXEL * sum(map(_pixels, self._kept.values())) > self._kept_bytes:
            self._kept.popitem(last=False)


def placed(request: GenerationRequest) -> Iterator[tuple[Place, Attachment]]:
    """Numbered by turn and kind."""
    for turn, message in enumerate(request.messages):
        numbers: Counter[AttachmentKind] = Counter()
        for each in message.attachments:
            numbers[each.kind] += 1
            yield Place(turn, numbers[each.kind], NAMES[each.kind], each.name), each


def described(request: GenerationRequest, pictures: Sequence[Picture]) -> tuple[Message, ...]:
    """The turns, with lines before each picture that say what is known of it."""
    numbers = request.picture_numbers or range(1, len(pictures) + 1)
    lines = iter([
        picture_lines(number, picture.facts, several=len(pictures) > 1)
        for number, picture in zip(numbers, pictures, strict=True)
    ])  # fmt: skip
    return tuple(_described(message, lines) if message.attachments else message for message in request.messages)


def _described(message: Message, lines: Iterator[str]) -> Message:
    content, at, moved = "", 0, []
    for each in message.attachments:
        content += message.content[at : each.at]
        at = max(at, each.at)
        words = next(lines) if each.kind is AttachmentKind.IMAGE else ""
        if words and content and not content.endswith("\n"):
            content += "\n"
        content += words
        moved.append(replace(each, at=len(content)))
    return replace(message, content=content + message.content[at:], attachments=tuple(moved))


def _pixels(picture: Picture) -> int:
    width, height = picture.pixels.size
    return width * height
