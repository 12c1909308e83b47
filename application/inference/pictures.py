"""Conversations with pictures: what the model gets to see of them, what they are called, and how they are split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from application.inference.picture_answer import PictureAnswer, Section
from domain.errors import CapabilityMismatch, InvalidRequest
from domain.inference import (
    Attachment,
    AttachmentKind,
    GenerationRequest,
    Media,
    Message,
    PictureRules,
    PicturesSeen,
    Role,
)
from domain.inference.picture_numbers import listed_before, number_pictures
from domain.inference.picture_table import MARKER, PictureRow, picture_table, short, without_tables
from ports.model_worker import PatientStream

WORDS = {AttachmentKind.IMAGE: "pictures", AttachmentKind.AUDIO: "sounds", AttachmentKind.VIDEO: "videos"}


@dataclass(frozen=True, slots=True)
class Onlooker:
    """The model that is asked. sees: it was loaded with what looks at pictures."""

    name: str
    sees: bool


def as_shown(request: GenerationRequest, model: Onlooker, rules: PictureRules) -> GenerationRequest:
    """The conversation as the model gets it: without our tables in the assistant's turns, and with numbers for the
    pictures, which do not change from turn to turn. For a model that cannot see, pictures before the last user's turn
    become a note.

    Raises CapabilityMismatch when such a model is asked about pictures, and any about sounds, naming the place.
    """
    _require_no_sounds(request.messages, model)
    messages = request.messages if model.sees else _unseen(request.messages, model)
    clean = tuple(_without_tables(turn) for turn in messages)
    numbers = number_pictures(messages)
    if not numbers:
        return request if clean == request.messages else replace(request, messages=clean)
    return replace(
        request,
        messages=clean,
        describe_pictures=rules.describe,
        picture_numbers=_numbers_of(clean, numbers),
    )


def answer(
    request: GenerationRequest,
    model: Onlooker,
    rules: PictureRules,
    ask: Callable[[GenerationRequest], PatientStream],
) -> PatientStream:
    """The answer, after the table of its pictures; where there are more pictures in the last question than a chunk has,
    one answer for each chunk, one after another, as one. ask: starts nothing before it is read.

    Raises as `as_shown` does, InvalidRequest for a chunk beside a form or tools, and what `ask` raises.
    """
    shown = as_shown(request, model, rules)
    if not any(turn.attachments for turn in shown.messages):
        return ask(shown)
    structured = request.output is not None or bool(request.tools.shown)
    groups = _groups(shown, _chunk(request, rules, structured=structured))
    tabled = request.picture_wishes.table and not structured and not request.continues
    seen_before = listed_before(request.messages)
    sections: list[Section] = []
    try:
        for at, (group, fresh) in enumerate(groups):
            rows = _rows(group, fresh, seen_before if at == 0 else None) if tabled else []
            place = (at + 1, len(groups)) if len(groups) > 1 else None
            sections.append(Section(ask(group), _heading(rows, place)))
    except BaseException:
        for section in sections:
            section.events.cancel()
        raise
    return PictureAnswer(sections)


def _require_no_sounds(messages: Sequence[Message], model: Onlooker) -> None:
    for at, turn in enumerate(messages):
        if any(each.kind is AttachmentKind.AUDIO for each in turn.attachments):
            where = f"messages.{at}.content"
            raise CapabilityMismatch(
                f"{where}: {model.name} hears no sounds in a conversation",
                hint="`mlxk list --audio` shows the models that hear; or leave the sound out",
                param=where,
            )


def _unseen(messages: Sequence[Message], model: Onlooker) -> tuple[Message, ...]:
    last = max((at for at, turn in enumerate(messages) if turn.role is Role.USER), default=0)
    for at, turn in enumerate(messages[last:], start=last):
        if turn.attachments:
            kinds = dict.fromkeys(each.kind for each in turn.attachments)
            what = " and ".join(WORDS[kind] for kind in kinds)
            where = f"messages.{at}.content"
            raise CapabilityMismatch(
                f"{where}: {model.name} cannot see {what}",
                hint="ask a model that sees, `mlxk list --vision` shows them; or leave them out",
                param=where,
            )
    return tuple(_noted(turn) for turn in messages)


def _noted(turn: Message) -> Message:
    """With a note in place of what was attached. Where a picture parted two texts, a line end does."""
    if not turn.attachments:
        return turn
    kinds = [each.kind for each in turn.attachments]
    media = Media(
        turn.media.images + kinds.count(AttachmentKind.IMAGE),
        turn.media.audios + kinds.count(AttachmentKind.AUDIO),
        turn.media.videos + kinds.count(AttachmentKind.VIDEO),
    )
    places = sorted({0, len(turn.content), *(each.at for each in turn.attachments)})
    texts = [turn.content[start:end] for start, end in pairwise(places)]
    return replace(turn, content="\n".join(text for text in texts if text), media=media, attachments=())


def _without_tables(turn: Message) -> Message:
    if turn.role is not Role.ASSISTANT or MARKER not in turn.content:
        return turn
    return replace(turn, content=without_tables(turn.content))


def _numbers_of(messages: Sequence[Message], numbers: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(numbers[each.digest] for turn in messages for each in _pictures(turn))


def _pictures(turn: Message) -> tuple[Attachment, ...]:
    return tuple(each for each in turn.attachments if each.kind is AttachmentKind.IMAGE)


def _chunk(request: GenerationRequest, rules: PictureRules, *, structured: bool) -> int | None:
    """A form or a call cannot be put together from several answers: the rule gives way to them, a wish does not."""
    wish = request.picture_wishes.chunk
    if not structured:
        return rules.chunk if wish is None else wish
    if wish is not None and wish < len(_last_question(request.messages)[1]):
        raise InvalidRequest(
            f"chunk {wish} splits this question into several answers, which can have no form and make no calls",
            hint="leave out chunk, or the form and the tools",
            param="chunk",
        )
    return None


def _last_question(messages: Sequence[Message]) -> tuple[int, tuple[Attachment, ...]]:
    last = max((at for at, turn in enumerate(messages) if turn.role is Role.USER), default=0)
    return last, _pictures(messages[last])


def _groups(request: GenerationRequest, chunk: int | None) -> list[tuple[GenerationRequest, tuple[Attachment, ...]]]:
    """Requests that each show so many of the last question's pictures, and these; all other turns are as they are."""
    last, pictures = _last_question(request.messages)
    if chunk is None or len(pictures) <= chunk:
        return [(request, pictures)]
    numbers = dict(zip((each.digest for each in request.pictures), request.picture_numbers, strict=True))
    groups = []
    for start in range(0, len(pictures), chunk):
        fresh = pictures[start : start + chunk]
        turn = request.messages[last]
        others = tuple(each for each in turn.attachments if each.kind is not AttachmentKind.IMAGE)
        attached = tuple(sorted((*others, *fresh), key=lambda each: each.at))
        messages = (
            *request.messages[:last],
            replace(turn, attachments=attached),
            *request.messages[last + 1 :],
        )
        part = replace(request, messages=messages, picture_numbers=())
        groups.append((replace(part, picture_numbers=_numbers_of(messages, numbers)), fresh))
    return groups


def _rows(request: GenerationRequest, fresh: Sequence[Attachment], before: frozenset[str] | None) -> list[PictureRow]:
    """The pictures of the question, and earlier ones that no table has listed; each once, by number. before: short
    digests in tables; None leaves the earlier ones out.
    """
    wanted = {each.digest for each in fresh}
    rows: dict[str, PictureRow] = {}
    for each, number in zip(request.pictures, request.picture_numbers, strict=True):
        if each.digest in wanted or (before is not None and short(each.digest) not in before):
            rows.setdefault(each.digest, PictureRow(number, each.digest, name=each.name))
    return sorted(rows.values(), key=lambda row: row.number)


def _heading(rows: Sequence[PictureRow], group: tuple[int, int] | None) -> Callable[[PicturesSeen | None], str]:
    def heading(seen: PicturesSeen | None) -> str:
        if not rows:
            return ""
        facts = {} if seen is None else {each.digest: each for each in seen.pictures}
        return picture_table([replace(row, facts=facts.get(row.digest)) for row in rows], group)

    return heading
