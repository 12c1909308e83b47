"""How a model's prompt says that a picture, a video or a sound stands here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mlx_vlm.prompt_utils import MODEL_CONFIG, MessageFormatter

from adapters.inference.chat_template import ChatTemplate, Turn
from domain.errors import MlxkError
from domain.inference import Attachment, AttachmentKind, Message

BEFORE, AFTER = "Before.", "Behind."
# Templates know a part that is a picture by one of these; none looks at more of it.
PICTURE_PARTS: Sequence[Turn] = ({"type": "image"}, {"type": "image_url"})
VIDEO_PARTS: Sequence[Turn] = ({"type": "video"},)
SOUND_PARTS: Sequence[Turn] = ({"type": "audio"}, {"type": "input_audio"}, {"type": "audio_url"})
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

    def numbered(self, number: int) -> str:
        """The text of the picture with this number, of all in the prompt."""
        return self.text if self.second is None else self.text.replace("1", str(number))


Spellings = Mapping[AttachmentKind, Spelling]


def as_turn(message: Message, spellings: Spellings) -> Turn:
    """As the template takes it; its pictures are the first ones where they are numbered."""
    turn = message.for_template()
    if message.attachments or any(each.lists for each in spellings.values()):
        return {**turn, "content": [_part_of(piece, spellings) for piece in _pieces(message)]}
    return turn


def in_text(messages: Sequence[Message], spellings: Spellings) -> tuple[Message, ...]:
    """The turns as texts alone."""
    counts: Counter[AttachmentKind] = Counter()

    def spelled(piece: str | Attachment) -> str:
        if isinstance(piece, str):
            return piece
        counts[piece.kind] += 1
        return spellings[piece.kind].numbered(counts[piece.kind])

    return tuple(
        replace(message, content="".join(spelled(piece) for piece in _pieces(message)), attachments=())
        if message.attachments
        else message
        for message in messages
    )


def find_spelling(template: ChatTemplate, kind: str, marks: Sequence[str]) -> Spelling | None:
    """The template's own way first, then what mlx-vlm knows of this type of model. marks: what the processor may look
    for. None where neither knows a way.
    """
    told = _told_by_library(kind, marks, PICTURE_PARTS[0])
    if not template.exists:
        mark = next(iter(marks), None)
        return told if told is not None or mark is None else Spelling(None, mark, mark)

    return next(_ways(template, PICTURE_PARTS, marks), told)


def find_video_spelling(template: ChatTemplate, mark: str) -> Spelling | None:
    """As `find_spelling`, by the template alone."""
    found = next(_ways(template, VIDEO_PARTS, (mark,)), None) if template.exists else None
    return found if found is not None and mark in found.text else None


def find_sound_spelling(template: ChatTemplate, kind: str, marks: Sequence[str]) -> Spelling | None:
    """As `find_spelling`, of sounds."""
    told = _told_by_library(kind, marks, SOUND_PARTS[0])
    if template.exists:
        return next((each for each in _ways(template, SOUND_PARTS, marks) if each.mark in marks), told)
    mark = next(iter(marks), None)
    return told if told is not None or mark is None else Spelling(None, mark, mark)


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


def _told_by_library(kind: str, marks: Sequence[str], part: Turn) -> Spelling | None:
    """How mlx-vlm writes such parts into the text of a turn, for types whose templates take texts."""
    if kind.lower() not in MODEL_CONFIG:
        return None
    one, two = (_formatted(kind, part, count) for count in (1, 2))
    if not one or not two.startswith(one):
        return None
    second = two[len(one) :]
    if second == one:
        return Spelling(None, one, _mark_in(one, marks))
    return Spelling(None, one, re.sub(r"1.*", "", one), second) if second == one.replace("1", "2") else None


def _formatted(kind: str, part: Turn, count: int) -> str:
    """The text of a turn that has nothing but such parts; "" where it is not made by text."""
    content: object = [part] * count
    pictures, sounds = (0, count) if part in SOUND_PARTS else (count, 0)
    try:
        made = MessageFormatter(kind).format_message(content, "user", num_images=pictures, num_audios=sounds)
    except (ValueError, TypeError, LookupError):
        return ""
    words = made.get("content") if isinstance(made, Mapping) else made
    return words if isinstance(words, str) else ""


def _pieces(message: Message) -> Iterator[str | Attachment]:
    """The turn's words, cut where something is attached, and what is."""
    words, at = message.content, 0
    for each in message.attachments:
        if words[at : each.at]:
            yield words[at : each.at]
        yield each
        at = max(at, each.at)
    rest = replace(message, content=words[at:]).text
    if rest:
        yield rest


def _part_of(piece: str | Attachment, spellings: Spellings) -> Turn:
    if isinstance(piece, str):
        return _text(piece)
    spelling = spellings[piece.kind]
    return _text(spelling.text) if spelling.part is None else spelling.part


def _text(words: str) -> Turn:
    """Templates read one or the other."""
    return {"type": "text", "text": words, "content": words}
