"""Sentences said live to the trained Whisper, word for word."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator

import openai
import pytest

from tests.support.hearing_house import MODEL, hearing_server, samples
from tests.support.live_client import LiveClient, talking
from tests.support.trained_whisper import FIRST_SPEAKER, LONG, SECOND_SPEAKER, SHORT, clip
from tests.support.voices import pink_noise, silence, white_noise

VAD = {"type": "server_vad"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hearing_server(tmp_path_factory.mktemp("hearing")) as address:
        yield address


def listening(client: LiveClient, **heard: object) -> None:
    assert client.update(MODEL, **{"turn_detection": VAD, **heard})["type"] == "session.updated"


@pytest.mark.parametrize(("at", "spoken"), list(enumerate(SHORT)), ids=lambda each: getattr(each, "name", ""))
def test_a_sentence_in_pieces_that_end_anywhere_is_heard_word_for_word(url: str, at: int, spoken: object) -> None:
    one = SHORT[at]
    with talking(url) as client:
        listening(client)
        client.append(samples(one.name) + silence(0.6), size=(961, 4_801, 9_999, 50_001)[at % 4])
        assert client.text() == one.text


@pytest.mark.parametrize("spoken", LONG, ids=lambda each: each.name)
def test_sentences_one_after_the_other_are_turns_in_their_order(url: str, spoken: object) -> None:
    one = next(each for each in LONG if each is spoken)
    with talking(url) as client:
        listening(client)
        client.append(samples(one.name) + silence(0.6))
        assert [client.text() for _ in one.segments] == [each.text for each in one.segments]
        committed = [each for each in client.events if each["type"] == "input_audio_buffer.committed"]
        assert [each["previous_item_id"] for each in committed] == [None, *(each["item_id"] for each in committed[:-1])]


def test_a_second_speaker_who_barges_in_has_a_turn_of_his_own(url: str) -> None:
    """All of it is sent at once: the second one speaks while the first one is being transcribed."""
    with talking(url) as client:
        listening(client, turn_detection={**VAD, "silence_duration_ms": 200})
        client.append(samples(FIRST_SPEAKER.name) + samples(SECOND_SPEAKER.name) + silence(0.6))
        text = client.text()
        while SECOND_SPEAKER.text[-4:] not in text:
            text += " " + client.text()
        assert text == f"{FIRST_SPEAKER.text} {SECOND_SPEAKER.text}"


@pytest.mark.parametrize(("law", "name"), [("g711_ulaw", "fox"), ("g711_alaw", "weather")])
def test_a_telephone_line_is_understood_in_both_laws(url: str, law: str, name: str) -> None:
    with talking(url) as client:
        client.say("transcription_session.update", session={
            "input_audio_format": law, "input_audio_transcription": {"model": MODEL}, "turn_detection": VAD,
        })  # fmt: skip
        client.until("transcription_session.updated")
        client.append(coded(samples(name, 8_000) + silence(0.6, 8_000), law), size=777)
        assert client.text() == clip(name).text


def coded(sound: bytes, law: str) -> bytes:
    """G.711: the code whose sample is nearest."""
    from domain.inference.telephony import A_LAW, MU_LAW

    table = A_LAW if law == "g711_alaw" else MU_LAW
    nearest = [min(range(256), key=lambda code: abs(table[code] - level)) for level in range(-32768, 32768, 16)]
    return bytes(nearest[(sample + 32768) >> 4] for sample in array("h", sound))


def test_committed_by_hand_a_sentence_is_heard_and_what_follows_is_another(url: str) -> None:
    with talking(url) as client:
        listening(client, turn_detection=None, transcription={"model": MODEL, "language": "de"})
        for name in ("train", "morning"):
            client.append(samples(name, 24_000))
            client.say("input_audio_buffer.commit")
            assert client.text() == clip(name).text


def test_neither_silence_nor_noise_is_a_turn(url: str) -> None:
    with talking(url) as client:
        listening(client)
        client.append(
            silence(2) + white_noise(2, loudness=0.2) + silence(1) + pink_noise(2, loudness=0.05) + silence(1)
        )
        client.append(samples("fox") + silence(0.6))
        assert client.text() == clip("fox").text
        assert sum(each["type"] == "input_audio_buffer.speech_started" for each in client.events) == 1


def test_two_sessions_at_once_hear_their_own(url: str) -> None:
    heard: dict[str, list[str]] = {}

    def talk(name: str) -> None:
        with talking(url) as client:
            listening(client)
            client.append((samples(name) + silence(0.6)) * 3)
            heard[name] = [client.text() for _ in range(3)]

    threads = [threading.Thread(target=talk, args=(name,)) for name in ("weather", "library")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {name: [clip(name).text] * 3 for name in ("weather", "library")}


def test_the_metrics_know_what_was_heard(url: str) -> None:
    with talking(url) as client:
        listening(client)
        client.append(samples("fox") + silence(0.6))
        client.text()
    text = openai.OpenAI(api_key="none", base_url=url).get("/metrics", cast_to=str)
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("mlxk_realtime"))
    assert float(figures['mlxk_realtime_turns_total{outcome="heard"}']) >= 1
    assert float(figures["mlxk_realtime_seconds_total"]) > 3
