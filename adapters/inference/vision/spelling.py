"""How a model's prompt says that a picture, or a video, stands here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlx_vlm.prompt_utils import MODEL_CONFIG, MessageFormatter

from adapters.inference.chat_template import ChatTemplate, Turn
from domain.errors import MlxkError
from domain.inference import Message

BEFORE, AFTER = "Before.", "Behind."
# Templates know a part that is a picture by one of these; none looks at more of it.
PICTURE_PARTS: Sequence[Turn] = ({"type": "image"}, {"type": "image_url"})
VIDEO_PARTS: Sequence[Turn] = ({"type": "video"},)
TEMPLATE_FAULTS = (MlxkError, ValueError, TypeError, LookupError, AttributeError)

Render = Callable[[object], str]


@dataclass(frozen=True, slots=True)
class Spelling:
    """part: a picture as the template takes it in a list; None where turns are texts, with `text` in the place of the
    picture. text: also for prompts without a template. second: the same for the second picture, where they are
    numbered. mark: what of it the processor looks for. lists: every turn must be a list of parts.
    """

    part: Turn | None
    text: str
    mark: str
    second: str | None = None
    lists: bool = False

    def turn(self, message: Message, first: int = 1) -> Turn:
        """As the template takes it. first: the number of the turn's first picture, of all in the prompt."""
        turn = message.for_template()
        if message.attachments and self.part is None:
            return {**turn, "content": self.in_text(message, first).text}
        if message.attachments or self.lists:
            return {**turn, "content": [self.part if words is None else _text(words) for words in _pieces(message)]}
        return turn

    def in_text(self, message: Message, first: int = 1) -> Message:
        """The turn as text alone."""
        number, words = first, ""
        for piece in _pieces(message):
            words += self._numbered(number) if piece is None else piece
            number += piece is None
        return replace(message, content=words, attachments=())

    def _numbered(self, number: int) -> str:
        return self.text if self.second is None else self.text.replace("1", str(number))


def find_spelling(template: ChatTemplate, kind: str, marks: Sequence[str]) -> Spelling | None:
    """The template's own way first, then what mlx-vlm knows of this type of model. marks: what the processor may look
    for. None where neither knows a way.
    """
    told = _told_by_library(kind, marks)
    if not template.exists:
        mark = next(iter(marks), None)
        return told if told is not None or mark is None else Spelling(None, mark, mark)

    return next(_ways(template, PICTURE_PARTS, marks), told)


def find_video_spelling(template: ChatTemplate, mark: str) -> Spelling | None:
    """As `find_spelling`, by the template alone."""
    found = next(_ways(template, VIDEO_PARTS, (mark,)), None) if template.exists else None
    return found if found is not None and mark in found.text else None


def _ways(template: ChatTemplate, parts: Sequence[Turn], marks: Sequence[str]) -> Iterator[Spelling]:
    def render(content: object) -> str:
        return template.render([{"role": "user", "content": content}], (), "open", {})

    lists = not _keeps(render, BEFORE + AFTER)
    for part in parts:
        try:
            without = render([_text(BEFORE), _text(AFTER)])
            shown = render([_text(BEFORE), part, _text(AFTER)])
        except TEMPLATE_FAULTS:
            continue
        text = _inserted(without, shown)
        understood = BEFORE in shown and AFTER in shown and "'type'" not in shown and '"type"' not in shown
        if text and understood:
            yield Spelling(part, text, _mark_in(text, marks), lists=lists)


def _keeps(render: Render, text: str) -> bool:
    """The template takes a turn that is a text."""
    try:
        return text in render(text)
    except TEMPLATE_FAULTS:
        return False


def _inserted(short: str, long: str) -> str:
    """What `long` has more than `short`, in one place."""
    start = 0
    while start < len(short) and short[start] == long[start : start + 1]:
        start += 1
    rest = len(short) - start
    return long[start : len(long) - rest] if long.endswith(short[start:]) else ""


def _mark_in(text: str, marks: Sequence[str]) -> str:
    return next((mark for mark in marks if mark in text), text.strip())


def _told_by_library(kind: str, marks: Sequence[str]) -> Spelling | None:
    """How mlx-vlm writes pictures into the text of a turn, for types whose templates take texts."""
    if kind.lower() not in MODEL_CONFIG:
        return None
    one, two = (_formatted(kind, count) for count in (1, 2))
    if not one or not two.startswith(one):
        return None
    second = two[len(one) :]
    if second == one:
        return Spelling(None, one, _mark_in(one, marks))
    return Spelling(None, one, re.sub(r"1.*", "", one), second) if second == one.replace("1", "2") else None


def _formatted(kind: str, count: int) -> str:
    """The text of a turn that has nothing but pictures; "" where it is not made by text."""
    content: object = [{"type": "image"}] * count
    try:
        made = MessageFormatter(kind).format_message(content, "user", num_images=count, num_audios=0)
    except (ValueError, TypeError, LookupError):
        return ""
    words = made.get("content") if isinstance(made, Mapping) else made
    return words if isinstance(words, str) else ""


def _pieces(message: Message) -> Iterator[str | None]:
    """The turn's words, cut where its pictures stand, None for each of those."""
    words, at = message.content, 0
    for each in message.attachments:
        if words[at : each.at]:
            yield words[at : each.at]
        yield None
        at = max(at, each.at)
    rest = replace(message, content=words[at:]).text
    if rest:
        yield rest


def _text(words: str) -> Turn:
    """Templates read one or the other."""
    return {"type": "text", "text": words, "content": words}
