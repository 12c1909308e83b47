"""Conversations with sounds: what a model gets that hears, that only sees, that only reads; and how much of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from adapters.server_client.request_body import chat_body
from application.inference.pictures import Onlooker, as_shown
from domain.errors import CapabilityMismatch, PayloadTooLarge
from domain.inference import USUAL_PICTURES, Attachment, AttachmentKind, GenerationRequest, Message, Role
from domain.inference.sound_limits import MOST_SOUND_BYTES, AttachedSounds
from entrypoints.http.schemas.chat import parse_chat
from tests.support.pictures import picture

SEEING, BLIND = Onlooker("org/eyes", sees=True), Onlooker("org/words", sees=False)
ONE = picture(b"1", name="a.png")


def user(*attached: Attachment, text: str = "look") -> Message:
    return Message(Role.USER, text, attachments=attached)


def said(text: str) -> Message:
    return Message(Role.ASSISTANT, text)


HEARING = Onlooker("org/omni", sees=True, hears=True)
SOUND = Attachment.of(AttachmentKind.AUDIO, b"sound", 2)


def test_a_model_that_hears_gets_the_sounds_of_all_turns() -> None:
    request = GenerationRequest((user(SOUND), said("yes"), user(ONE, SOUND)))
    shown = as_shown(request, HEARING, USUAL_PICTURES)
    assert shown.messages == request.messages
    assert shown.picture_numbers == (1,)


def test_a_model_that_only_sees_gets_a_note_for_a_sound_and_keeps_the_picture_beside_it() -> None:
    here = replace(ONE, at=2)
    turn = Message(Role.USER, "abcd", attachments=(SOUND, here))
    other = Message(Role.USER, "abcd", attachments=(replace(ONE, at=1), SOUND))
    shown = as_shown(GenerationRequest((turn, other, said("yes"), user())), SEEING, USUAL_PICTURES)
    assert shown.messages[0].text == "abcd\n\n[1 audio(s) were attached]"
    assert shown.messages[0].attachments == (here,)
    assert shown.messages[1].text == "ab\ncd\n\n[1 audio(s) were attached]"
    assert [each.at for each in shown.messages[1].attachments] == [1]


@pytest.mark.parametrize(
    ("model", "words", "option"),
    [
        (SEEING, "org/eyes cannot hear sounds", "--audio"),
        (BLIND, "org/words cannot see or hear pictures and", "--audio"),
    ],
)
def test_who_is_asked_about_a_sound_and_cannot_hear_says_who_can(model: Onlooker, words: str, option: str) -> None:
    with pytest.raises(CapabilityMismatch, match=words) as refused:
        as_shown(GenerationRequest((said("Hello."), user(ONE, SOUND))), model, USUAL_PICTURES)
    assert refused.value.param == "messages.1.content"
    assert f"`mlxk list {option}`" in (refused.value.hint or "")


def test_sounds_have_limits_of_their_own() -> None:
    attached = AttachedSounds()
    with pytest.raises(PayloadTooLarge, match="b is larger than 52,428,800 bytes"):
        attached.add(MOST_SOUND_BYTES + 1, "b")
    attached.add(MOST_SOUND_BYTES, "a")
    with pytest.raises(PayloadTooLarge, match="with b there are 52,428,801 bytes of sounds"):
        attached.add(1, "b")
    many = AttachedSounds()
    for at in range(20):
        many.add(1, str(at))
    with pytest.raises(PayloadTooLarge, match="x is one too many: a request may bring 20 sounds"):
        many.add(1, "x")


def test_a_command_sends_sounds_to_a_server_as_they_are() -> None:
    sounds = (Attachment.of(AttachmentKind.AUDIO, b"RIFF", 0, "one.wav"), replace(SOUND, at=4))
    request = GenerationRequest((user(*sounds, replace(ONE, at=4)), said("yes"), user()))
    body = chat_body(request, name="org/omni", load_token="t", streamed=False)
    assert parse_chat(json.loads(body), None).request.messages == request.messages
