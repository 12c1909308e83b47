"""Sounds in a chat at a terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from domain.errors import InvalidMedia
from domain.inference import AttachmentKind, Message
from tests.support.fakes.cli_services import FakeServices, Line, Seen, Step, spoken

ONE, TWO = b"RIFF one", b"RIFF two"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.wav").write_bytes(ONE)
    (tmp_path / "my talk.mp3").write_bytes(TWO)
    (tmp_path / "empty.wav").write_bytes(b"")
    monkeypatch.chdir(tmp_path)


def talk(
    *typed: str, hears: bool | None = True, answers: list[Sequence[Step] | BaseException] | None = None
) -> tuple[Line, Seen]:
    given = answers or [spoken(f"Answer {at}.") for at in range(1, 9)]
    line = Line(FakeServices(answers=given), terminal=True, stdin="".join(f"{each}\n" for each in typed))
    line.services.talk.hears = hears
    return line, line.run("run", "ears")


def heard(line: Line) -> list[list[list[bytes]]]:
    return [[_sounds(turn) for turn in request.messages] for _, request, _ in line.services.talk.asked]


def _sounds(turn: Message) -> list[bytes]:
    return [each.data for each in turn.attachments if each.kind is AttachmentKind.AUDIO]


def test_a_sound_goes_with_the_next_question_and_stays_in_the_conversation() -> None:
    line, seen = talk("/audio a.wav 'my talk.mp3'", "what?", "and?")
    assert "a.wav, my talk.mp3 go with your next question." in seen.out
    assert heard(line) == [[[ONE, TWO]], [[ONE, TWO], [], []]]


def test_sounds_are_taken_back_and_forgotten() -> None:
    line, seen = talk("/audio a.wav", "/audio", "one?", "/audio a.wav", "/clear", "two?")
    assert "No sounds go with your next question." in seen.out
    assert [turns[-1] for turns in heard(line)] == [[], []]


def test_what_cannot_be_read_is_refused_and_the_chat_goes_on() -> None:
    line, seen = talk("/audio none.wav", "/audio empty.wav", "what?")
    assert "/audio 'none.wav': there is no such file" in seen.err
    assert "/audio 'empty.wav' is empty" in seen.err
    assert heard(line) == [[[]]]


def test_sounds_that_were_refused_wait_until_they_are_taken_back() -> None:
    line, seen = talk("/audio a.wav", "what?", "/audio", "so?", answers=[InvalidMedia("too long"), spoken("Yes.")])
    assert "The sounds still go with your next question; /audio alone takes them back." in seen.err
    assert [turns[-1] for turns in heard(line)] == [[ONE], []]


def test_a_model_that_cannot_hear_is_given_none() -> None:
    assert "cannot hear sounds" in talk("/audio a.wav", hears=False)[1].err


def test_a_chat_that_is_saved_keeps_how_many_sounds_there_were(tmp_path: Path) -> None:
    talk("/audio a.wav", "what?", "/save kept.json")
    assert json.loads((tmp_path / "kept.json").read_text())["messages"][0]["audios"] == 1
    line, _ = talk("/load kept.json", "and?")
    assert line.services.talk.asked[0][1].messages[0].text == "what?\n\n[1 audio(s) were attached]"
