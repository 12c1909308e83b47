"""Conversations with pictures: what the model gets, the table before the answer, and answers in chunks."""

from __future__ import annotations

from types import NoneType

import pytest

from application.inference.pictures import Onlooker, answer, as_shown
from domain.errors import (
    CapabilityMismatch,
    EngineDied,
    GenerationFailed,
    InvalidMedia,
    InvalidRequest,
    PayloadTooLarge,
)
from domain.inference import (
    USUAL_PICTURES,
    Attachment,
    AttachmentKind,
    ConstraintKind,
    Finished,
    FinishReason,
    GenerationEvent,
    GenerationReport,
    GenerationRequest,
    Media,
    Message,
    OutputConstraint,
    PictureRules,
    PictureWishes,
    PromptProgress,
    ReasoningDelta,
    Role,
    Sampling,
    TextDelta,
    Tool,
    ToolMode,
    ToolUse,
    Usage,
)
from domain.inference.picture_limits import AttachedBytes
from domain.inference.picture_table import PictureRow, picture_table
from tests.support.event_lists import Asked, Step, seen_and_said
from tests.support.pictures import picture

SEEING, BLIND = Onlooker("org/eyes", sees=True), Onlooker("org/words", sees=False)
ONE, TWO, THREE, FOUR = (
    picture(body, name=name) for body, name in ((b"1", "a.png"), (b"2", None), (b"3", None), (b"4", None))
)
VIDEO = Attachment.of(AttachmentKind.VIDEO, b"video", 4)


def user(*pictures: Attachment, text: str = "look") -> Message:
    return Message(Role.USER, text, attachments=pictures)


def said(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


def table(*rows: tuple[int, Attachment], group: tuple[int, int] | None = None) -> str:
    seen = seen_and_said(GenerationRequest((user(*(each for _, each in rows)),)), "")[0]
    facts = {each.digest: each for each in seen.pictures}  # type: ignore[union-attr]
    return picture_table(
        [PictureRow(number, each.digest, facts[each.digest], each.name) for number, each in rows], group
    )


def ask(
    *turns: Message,
    wishes: PictureWishes = PictureWishes(),  # noqa: B008 - frozen
    rules: PictureRules = USUAL_PICTURES,
    asked: Asked | None = None,
    **fields: object,
) -> tuple[list[GenerationEvent], Asked]:
    request = GenerationRequest(turns, picture_wishes=wishes, **fields)  # type: ignore[arg-type]
    asked = asked or Asked()
    return list(answer(request, SEEING, rules, asked)), asked


def text_of(events: list[GenerationEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


# What the model gets


def test_a_conversation_without_pictures_and_tables_is_asked_as_it_is() -> None:
    request = GenerationRequest((user(), said("yes"), user()))
    assert as_shown(request, SEEING, USUAL_PICTURES) is request
    assert as_shown(request, BLIND, USUAL_PICTURES) is request


def test_a_model_that_sees_gets_the_pictures_of_all_turns_with_their_numbers() -> None:
    request = GenerationRequest((user(ONE, TWO), said("yes"), user(TWO, THREE)))
    shown = as_shown(request, SEEING, USUAL_PICTURES)
    assert shown.messages == request.messages
    assert shown.picture_numbers == (1, 2, 2, 3)
    assert shown.describe_pictures
    assert not as_shown(request, SEEING, PictureRules(describe=False)).describe_pictures


@pytest.mark.parametrize("model", [SEEING, BLIND])
def test_no_model_reads_the_tables_of_earlier_answers(model: Onlooker) -> None:
    request = GenerationRequest((Message(Role.USER, "look"), said(table((1, ONE)) + "Red."), user()))
    assert as_shown(request, model, USUAL_PICTURES).messages[1] == said("Red.")


def test_a_users_own_table_is_left_as_it_is() -> None:
    quoted = Message(Role.USER, table((1, ONE)))
    assert as_shown(GenerationRequest((quoted,)), SEEING, USUAL_PICTURES).messages == (quoted,)


def test_a_model_that_only_reads_gets_a_note_in_place_of_earlier_pictures() -> None:
    turns = (user(ONE, TWO, VIDEO), said("yes"), user())
    shown = as_shown(GenerationRequest(turns), BLIND, USUAL_PICTURES)
    assert shown.messages[0] == Message(Role.USER, "look", media=Media(images=2, videos=1))
    assert shown.messages[0].text == "look\n\n[2 image(s), 1 video(s) were attached]"
    assert shown.pictures == ()
    assert not shown.describe_pictures


def test_where_a_picture_parted_two_texts_a_line_end_does() -> None:
    first = Message(Role.USER, "thisand that", media=Media(audios=1), attachments=(picture(at=4), picture(b"x", at=4)))
    shown = as_shown(GenerationRequest((first, said("yes"), user())), BLIND, USUAL_PICTURES)
    assert shown.messages[0] == Message(Role.USER, "this\nand that", media=Media(images=2, audios=1))


@pytest.mark.parametrize(
    ("shown", "what"), [((ONE,), "pictures"), ((VIDEO,), "videos"), ((ONE, VIDEO), "pictures and videos")]
)
def test_asking_a_model_that_only_reads_about_pictures_is_refused_by_its_name(
    shown: tuple[Attachment, ...], what: str
) -> None:
    asked = Asked()
    with pytest.raises(CapabilityMismatch) as caught:
        answer(GenerationRequest((user(ONE), said("yes"), user(*shown))), BLIND, USUAL_PICTURES, asked)
    assert caught.value.message == f"messages.2.content: org/words cannot see {what}"
    assert caught.value.param == "messages.2.content"
    assert asked.requests == []


# The table


def test_the_table_comes_before_the_answer_and_what_the_worker_told_goes_no_further() -> None:
    events, asked = ask(user(ONE, TWO))
    assert events == [
        TextDelta(table((1, ONE), (2, TWO))), TextDelta("I "), TextDelta("see "), TextDelta("1."),
        Finished(FinishReason.STOP, Usage(10, 3, 1, 4)),
    ]  # fmt: skip
    assert [each.picture_numbers for each in asked.requests] == [(1, 2)]


def test_what_was_seen_of_a_video_alone_goes_no_further_and_has_no_table() -> None:
    events, _ = ask(user(VIDEO))
    assert [type(event) for event in events] == [TextDelta, TextDelta, TextDelta, Finished]
    assert text_of(events) == "I see 1."


def test_the_table_stands_before_thoughts_too_and_after_progress() -> None:
    request = GenerationRequest((user(ONE),))
    seen, *_ = seen_and_said(request, "")
    steps = (
        seen,
        PromptProgress(1, 2),
        seen,
        ReasoningDelta("hm"),
        TextDelta("Red."),
        Finished(FinishReason.STOP, Usage(1, 1)),
    )
    events, _ = ask(user(ONE), asked=Asked(steps))
    assert [type(event) for event in events] == [PromptProgress, TextDelta, ReasoningDelta, TextDelta, Finished]


def test_who_does_not_wait_for_ever_hears_that_nothing_came() -> None:
    seen, *said = seen_and_said(GenerationRequest((user(ONE),)), "Red.")
    events = answer(GenerationRequest((user(ONE),)), SEEING, USUAL_PICTURES, Asked([None, seen, None, *said]))
    assert [type(events.next_within(1.0)) for _ in range(5)] == [NoneType, NoneType, TextDelta, TextDelta, Finished]
    with pytest.raises(StopIteration):
        events.next_within(1.0)


def test_how_far_a_later_group_is_read_is_not_told_in_the_middle_of_the_answer() -> None:
    steps: list[Step] = [PromptProgress(1, 2), TextDelta("x"), Finished(FinishReason.STOP, Usage(1, 1))]
    events, _ = ask(user(ONE, TWO), wishes=PictureWishes(chunk=1), asked=Asked(steps, steps))
    assert sum(isinstance(event, PromptProgress) for event in events) == 1


def test_an_answer_without_a_word_still_has_its_table() -> None:
    events, _ = ask(user(ONE), asked=Asked([Finished(FinishReason.STOP, Usage(1, 1))]))
    assert text_of(events).startswith("<details>")


def test_only_pictures_that_no_earlier_table_lists_are_listed_and_those_of_the_question() -> None:
    first = table((1, ONE), (2, TWO))
    again = ask(user(ONE, TWO), said(first + "x"), user(TWO, THREE))[0]
    assert text_of(again) == table((2, TWO), (3, THREE)) + "I see 1."
    follow_up = ask(user(ONE, TWO), said(first + "x"), user())[0]
    assert text_of(follow_up) == "I see 1."
    untold = ask(user(ONE, TWO), said("x"), user(THREE))[0]
    assert text_of(untold) == table((1, ONE), (2, TWO), (3, THREE)) + "I see 1."


@pytest.mark.parametrize(
    "fields",
    [
        {"wishes": PictureWishes(table=False)},
        {"output": OutputConstraint(ConstraintKind.JSON_OBJECT)},
        {"tools": ToolUse((Tool("look", "", {}),))},
    ],
)
def test_there_is_no_table_where_nobody_wants_it_or_it_would_break_the_form(fields: dict[str, object]) -> None:
    events, _ = ask(user(ONE), **fields)  # type: ignore[arg-type]
    assert text_of(events) == "I see 1."


def test_a_tool_that_may_not_be_called_hinders_no_table() -> None:
    tools = ToolUse((Tool("look", "", {}),), ToolMode.NONE)
    assert text_of(ask(user(ONE), tools=tools)[0]).startswith("<details>")


def test_an_answer_that_is_continued_gets_no_second_table() -> None:
    events, asked = ask(user(ONE), said(table((1, ONE)) + "It is"))
    assert text_of(events) == "I see 1."
    assert asked.requests[0].messages[-1] == said("It is")


# Chunks


def test_more_pictures_than_a_chunk_are_answered_group_by_group_as_one_answer() -> None:
    events, asked = ask(user(ONE, TWO, THREE), wishes=PictureWishes(chunk=2))
    assert text_of(events) == (
        table((1, ONE), (2, TWO), group=(1, 2)) + "I see 1.\n\n" + table((3, THREE), group=(2, 2)) + "I see 2."
    )
    assert [[each.digest for each in request.pictures] for request in asked.requests] == [
        [ONE.digest, TWO.digest], [THREE.digest],
    ]  # fmt: skip
    assert [request.picture_numbers for request in asked.requests] == [(1, 2), (3,)]
    assert sum(isinstance(event, Finished) for event in events) == 1


def test_every_group_has_the_conversation_before_it_and_nothing_of_another_group() -> None:
    before = (Message(Role.SYSTEM, "short"), user(FOUR), said(table((1, FOUR)) + "Blue."))
    _, asked = ask(*before, user(ONE, VIDEO, TWO, text="what is it"), wishes=PictureWishes(chunk=1))
    for request, own, numbers in zip(asked.requests, (ONE, TWO), ((1, 2), (1, 3)), strict=True):
        assert request.messages[:3] == (before[0], before[1], said("Blue."))
        assert request.messages[3].content == "what is it"
        assert set(request.messages[3].attachments) == {own, VIDEO}
        assert request.picture_numbers == numbers


def test_a_bad_picture_is_counted_in_its_group_which_is_named() -> None:
    broken = InvalidMedia("messages.0.content: picture 1 is broken", hint="mend it", param="messages.0.content")
    asked = Asked([TextDelta("x"), Finished(FinishReason.STOP, Usage(1, 1))], [broken])
    with pytest.raises(InvalidMedia) as refused:
        ask(user(ONE, TWO), wishes=PictureWishes(chunk=1), asked=asked)
    assert refused.value.message == "chunk 2 of 2: messages.0.content: picture 1 is broken"
    assert (refused.value.hint, refused.value.param) == ("mend it", "messages.0.content")
    with pytest.raises(InvalidMedia) as whole:
        ask(user(ONE, TWO), asked=Asked([broken]))
    assert whole.value is broken


def test_pictures_of_a_group_stay_where_they_stood() -> None:
    places = tuple(picture(b"%d" % at, at=at) for at in range(4))
    _, asked = ask(user(*places), wishes=PictureWishes(chunk=3))
    assert [[each.at for each in request.pictures] for request in asked.requests] == [[0, 1, 2], [3]]


def test_the_next_group_is_not_begun_before_the_one_before_it_has_ended() -> None:
    asked = Asked()
    request = GenerationRequest((user(ONE, TWO),), picture_wishes=PictureWishes(chunk=1))
    events = answer(request, SEEING, USUAL_PICTURES, asked)
    for event in events:
        if isinstance(event, TextDelta) and event.text == "1.":
            break
    assert [stream.read for stream in asked.streams] == [4, 0]
    events.cancel()
    assert list(events) == []
    assert all(stream.released for stream in asked.streams)


def test_pieces_come_one_by_one_in_every_group() -> None:
    events, _ = ask(user(ONE, TWO), wishes=PictureWishes(chunk=1, table=False))
    assert [event.text for event in events if isinstance(event, TextDelta)] == [
        "I ", "see ", "1.", "\n\n", "I ", "see ", "2.",
    ]  # fmt: skip


def report(seconds: float, peak: int, alone: str | None = None) -> GenerationReport:
    return GenerationReport(Sampling(0.0, 1.0, 1), 9, seconds, seconds, seconds, peak, alone=alone)


def test_what_an_answer_took_is_the_sum_of_its_groups_and_one_that_was_cut_short_cuts_it() -> None:
    ends: list[list[Step]] = [
        [Finished(FinishReason.LENGTH, Usage(3, 2, 1, 1), report(1.0, 7, "why"), ("a",))],
        [Finished(FinishReason.STOP, Usage(30, 20, 10, 10), report(2.0, 5), ("a", "b"))],
    ]
    events, _ = ask(user(ONE, TWO), wishes=PictureWishes(chunk=1), asked=Asked(*ends))
    end = events[-1]
    assert isinstance(end, Finished)
    assert (end.reason, end.usage, end.warnings) == (FinishReason.LENGTH, Usage(33, 22, 11, 11), ("a", "b"))
    assert end.report == GenerationReport(Sampling(0.0, 1.0, 1), 9, 1.0, 3.0, 3.0, 7, alone="why")


def test_a_group_that_fails_fails_the_answer_after_what_was_shown_and_gives_all_places_back() -> None:
    first = seen_and_said(GenerationRequest((user(ONE),)), "Red.")
    asked = Asked(first, [GenerationFailed("it broke")])
    request = GenerationRequest((user(ONE, TWO, THREE),), picture_wishes=PictureWishes(chunk=1))
    events = answer(request, SEEING, USUAL_PICTURES, asked)
    shown: list[GenerationEvent] = []
    with pytest.raises(GenerationFailed):
        for event in events:
            shown.append(event)  # noqa: PERF402 - what came before the error counts
    assert text_of(shown).endswith("Red.")
    assert all(stream.released for stream in asked.streams)
    assert [stream.read for stream in asked.streams] == [3, 1, 0]


def test_when_a_group_cannot_even_be_asked_those_before_it_are_given_back() -> None:
    asked = Asked()

    def refuse_the_second(request: GenerationRequest) -> object:
        if asked.requests:
            raise EngineDied("gone")
        return asked(request)

    request = GenerationRequest((user(ONE, TWO),), picture_wishes=PictureWishes(chunk=1))
    with pytest.raises(EngineDied):
        answer(request, SEEING, USUAL_PICTURES, refuse_the_second)  # type: ignore[arg-type]
    assert asked.streams[0].released


def test_the_rule_of_whoever_answers_holds_where_the_request_says_nothing() -> None:
    rules = PictureRules(chunk=1)
    assert len(ask(user(ONE, TWO), rules=rules)[1].requests) == 2
    assert len(ask(user(ONE, TWO), rules=rules, wishes=PictureWishes(chunk=2))[1].requests) == 1
    assert len(ask(user(ONE, TWO))[1].requests) == 1


def test_a_form_cannot_be_put_together_from_chunks() -> None:
    form = OutputConstraint(ConstraintKind.JSON_OBJECT)
    with pytest.raises(InvalidRequest, match="chunk 1 splits this question") as caught:
        ask(user(ONE, TWO), wishes=PictureWishes(chunk=1), output=form)
    assert caught.value.param == "chunk"
    assert len(ask(user(ONE, TWO), rules=PictureRules(chunk=1), output=form)[1].requests) == 1
    assert len(ask(user(ONE), wishes=PictureWishes(chunk=1), output=form)[1].requests) == 1


@pytest.mark.parametrize("chunk", [0, -1, 101])
def test_a_chunk_out_of_range_is_refused(chunk: int) -> None:
    with pytest.raises(InvalidRequest, match="chunk must be from 1 to 100"):
        PictureWishes(chunk)


def test_pictures_that_are_a_byte_too_much_are_not_said_to_be_as_much_as_they_may() -> None:
    attached = AttachedBytes()
    with pytest.raises(PayloadTooLarge, match=r"there are 50\.1 MB of pictures, together they may have 50\.0 MB"):
        for name, size in (("a.png", 20_000_000), ("b.png", 20_000_000), ("c.png", 10_000_001)):
            attached.add(name, size, "image")


def test_what_is_too_much_is_told_with_the_way_out() -> None:
    for sizes, message, hint in (
        ([20_000_001], "it is too large, one may have 20.0 MB", "make it smaller: models look at far fewer pixels"),
        (
            [20_000_000, 20_000_000, 10_000_001],
            "with it there are 50.1 MB of pictures, together they may have 50.0 MB",
            "make them smaller, or leave out some of them",
        ),
        ([1] * 101, "it is one too many: a request may show 100", "ask about some of them at a time"),
    ):
        attached = AttachedBytes()
        for size in sizes[:-1]:
            attached.add("one", size, "messages")
        with pytest.raises(PayloadTooLarge) as caught:
            attached.add("it", sizes[-1], "messages")
        assert (caught.value.message, caught.value.hint, caught.value.param) == (message, hint, "messages")
