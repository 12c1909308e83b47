"""Pictures in a chat body: data URLs, their limits, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from adapters.server_client.request_body import chat_body
from domain.errors import InvalidMedia, InvalidRequest, MlxkError, PayloadTooLarge
from domain.inference import Attachment, AttachmentKind, GenerationRequest, Media, Message, PictureWishes, Role
from domain.inference import picture_limits as limits
from entrypoints.http.body import parse_json
from entrypoints.http.schemas.answers import Answers
from entrypoints.http.schemas.chat import parse_chat
from tests.support.pictures import BEGINNINGS, data_url, picture_bytes

PNG = picture_bytes("png", b"...")
TEXT = {"type": "text", "text": "look"}


def part(url: str, **fields: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}, **fields}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def parsed(*messages: dict[str, Any], **fields: object) -> Answers:
    return parse_chat({"model": "m", "messages": list(messages), **fields}, None)


def refused(*messages: dict[str, Any]) -> MlxkError:
    with pytest.raises(MlxkError) as caught:
        parsed(*messages)
    return caught.value


def test_a_picture_is_attached_where_it_stands() -> None:
    turn = parsed(user(TEXT, part(data_url(PNG)), {"type": "text", "text": "at it"})).request.messages[0]
    assert turn == Message(Role.USER, "lookat it", attachments=(Attachment.of(AttachmentKind.IMAGE, PNG, 4),))


@pytest.mark.parametrize("kind", ["jpeg", "jpg", "png", "gif", "webp", "heic", "heif", "PNG"])
def test_all_formats_are_taken_by_their_bytes_whatever_the_url_calls_them(kind: str) -> None:
    for beginning in BEGINNINGS.values():
        turn = parsed(user(part(data_url(beginning, kind)))).request.messages[0]
        assert turn.attachments[0].data == beginning


def test_pictures_of_all_users_turns_are_attached() -> None:
    body = parsed(user(part(data_url(PNG))), {"role": "assistant", "content": "nice"}, user(TEXT))
    assert len(body.request.pictures) == 1
    assert body.request.attached_bytes == len(PNG)


def test_what_others_showed_in_earlier_turns_is_counted() -> None:
    turns = parsed(
        {"role": "system", "content": [part(data_url(PNG))]},
        user(TEXT),
        {"role": "tool", "content": [TEXT, part(data_url(PNG)), {"type": "video_url", "video_url": "data:x"}]},
        user(TEXT),
    ).request.messages
    assert [turn.media for turn in turns] == [Media(images=1), Media(), Media(images=1, videos=1), Media()]
    assert not any(turn.attachments for turn in turns)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.org/cat.png", "https URLs are not fetched"),
        ("HTTP://example.org/cat.png", "http URLs are not fetched"),
        ("file:///etc/passwd", "file URLs are not fetched"),
        ("/etc/passwd", "this is no data URL: '/etc/passwd'"),
        ("", "this is no data URL: ''"),
        ("data:,", "the data URL begins with 'data:,', which is not read"),
        ("data:image/svg+xml;base64,PHN2Zz4=", "begins with 'data:image/svg+xml;base64,PHN2Zz4='"),
        ("data:image/png,abc", "begins with 'data:image/png,abc'"),
        ("data:text/html;base64,abcd", "begins with 'data:text/html;base64,abcd'"),
        (" data:image/png;base64,abcd", "this is no data URL"),
    ],
)
def test_what_is_no_data_url_of_a_picture_is_refused_with_the_way_to_send_it(url: str, words: str) -> None:
    fault = refused(user(TEXT, part(url)))
    assert isinstance(fault, InvalidMedia)
    assert fault.message.startswith("messages.0.content.1: ")
    assert words in fault.message
    assert fault.param == "messages.0.content.1"
    assert "data:image/jpeg;base64,..." in (fault.hint or "")


@pytest.mark.parametrize(
    ("encoded", "words"),
    [
        ("iVBO Rw0K", "character 4 is ' '"),
        ("iVBO\nRw0K", "character 4 is '\\n'"),
        ("iVBO_w0K", "character 4 is '_'"),
        ("iVBOé", "character 4 is 'é'"),
        ("iVBORw0KGg", "Incorrect padding"),
        ("iVBO=Rw0K", "is not base64: "),
        ("iVBORw==KGgo", "is not base64: "),
        ("=", "is not base64: "),
    ],
)
def test_broken_base64_is_refused_with_the_place(encoded: str, words: str) -> None:
    fault = refused(user(part(f"data:image/png;base64,{encoded}")))
    assert isinstance(fault, InvalidMedia)
    assert words in fault.message
    assert fault.param == "messages.0.content.0"


def test_broken_pictures_of_earlier_turns_are_refused_too() -> None:
    fault = refused(user(part("data:image/png;base64,!")), {"role": "assistant", "content": "x"}, user(TEXT))
    assert fault.param == "messages.0.content.0"


def test_no_bytes_and_other_bytes_are_no_picture() -> None:
    assert refused(user(part("data:image/png;base64,"))).message.endswith("the data URL holds no bytes")
    svg = f"data:image/png;base64,{b64encode(b'<svg onload=...>').decode()}"
    assert refused(user(part(svg))).message == "messages.0.content.0: this is an SVG drawing"


def test_one_picture_that_is_too_large_is_named_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_PICTURE_BYTES", 12)
    assert len(parsed(user(part(data_url(picture_bytes("png", b"1234"))))).request.pictures) == 1
    fault = refused(user(TEXT, part("data:image/png;base64," + "!" * 20)))
    assert isinstance(fault, PayloadTooLarge)
    assert fault.message.startswith("messages.0.content.1 is too large, one may have")


def test_pictures_that_are_too_much_together_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_TOGETHER_BYTES", 3 * len(PNG))
    three = user(*[part(data_url(PNG))] * 3)
    assert len(parsed(three).request.pictures) == 3
    fault = refused(three, {"role": "assistant", "content": "x"}, user(part(data_url(PNG))))
    assert isinstance(fault, PayloadTooLarge)
    assert fault.param == "messages.2.content.0"
    assert "together they may have" in fault.message


def test_more_pictures_than_may_be_are_refused() -> None:
    fault = refused(user(*[part(data_url(PNG))] * (limits.MOST_PICTURES + 1)))
    assert isinstance(fault, PayloadTooLarge)
    assert fault.param == f"messages.0.content.{limits.MOST_PICTURES}"


def test_a_video_is_attached_as_one() -> None:
    turn = parsed(user({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}})).request.messages[0]
    assert [(each.kind, each.data) for each in turn.attachments] == [(AttachmentKind.VIDEO, b"\0\0\0")]
    fault = refused(user({"type": "video_url", "video_url": {"url": data_url(PNG)}}))
    assert "data:video/mp4;base64,..." in (fault.hint or "")


def test_chunk_and_table_are_read() -> None:
    assert parsed(user(TEXT)).request.picture_wishes == PictureWishes()
    wishes = parsed(user(TEXT), chunk=2, mlxk={"image_table": False}).request.picture_wishes
    assert wishes == PictureWishes(chunk=2, table=False)
    with pytest.raises(InvalidRequest, match="chunk"):
        parsed(user(TEXT), chunk=0)
    with pytest.raises(InvalidRequest, match="chunk: must be a whole number"):
        parsed(user(TEXT), chunk="2")


def test_what_a_command_sends_to_a_server_is_read_as_what_it_was() -> None:
    pictures = [
        Attachment.of(AttachmentKind.IMAGE, picture_bytes(kind), at, f"{kind}.x") for at, kind in enumerate(BEGINNINGS)
    ]
    video = Attachment.of(AttachmentKind.VIDEO, b"video", 5)
    request = GenerationRequest(
        (
            Message(Role.USER, "a\nbcdefg", attachments=(*pictures, video)),
            Message(Role.ASSISTANT, "x"),
            Message(Role.USER, "", attachments=(pictures[0], pictures[0])),
            Message(Role.USER, "end", attachments=(Attachment.of(AttachmentKind.IMAGE, PNG, 3),)),
        ),
        picture_wishes=PictureWishes(chunk=3, table=False),
    )
    body = chat_body(request, name="m", load_token="t", streamed=True)
    read = parse_chat(parse_json(body), None).request
    assert read.messages == request.messages
    assert read.picture_wishes == request.picture_wishes
