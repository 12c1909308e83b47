"""Events on the wire: what is read of a client's, and that the official client's types know every one of ours."""

from __future__ import annotations

from typing import Any

import pytest
from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from domain.errors import GenerationFailed, InvalidRequest, UnsupportedParameter
from domain.inference.live_session import (
    LiveEvent,
    LiveSettings,
    SpeechStarted,
    SpeechStopped,
    Trouble,
    TurnCommitted,
    TurnDelta,
    TurnFailed,
    TurnHeard,
)
from domain.inference.live_sound import LineFormat, SoundCoding
from domain.inference.spoken_turns import TurnRules
from entrypoints.http.presenters.realtime import Dialect, cleared, farewell, trouble
from entrypoints.http.schemas.realtime import kind_of, updated

FULL = LiveSettings("ear", "de", "Namen: Ada", LineFormat(SoundCoding.A_LAW, 8_000), TurnRules(0.4, 100, 200))
FAULT = InvalidRequest("no", hint="yes", param="audio")
EVENTS: list[LiveEvent] = [
    SpeechStarted("item_1", 10), SpeechStopped("item_1", 900), TurnCommitted("item_2", "item_1"),
    TurnCommitted("item_1", None), TurnDelta("item_1", " so"), TurnHeard("item_1", " so", 1.25),
    TurnFailed("item_1", GenerationFailed("it broke")), Trouble(FAULT),
]  # fmt: skip


def given(**heard: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "transcription", "audio": {"input": heard}}}


def beta(**session: Any) -> dict[str, Any]:
    return {"type": "transcription_session.update", "session": session}


def check(event: dict[str, object], known: Any) -> None:
    read = TypeAdapter(known).validate_python(event)
    assert type(read).model_fields["type"].annotation.__args__ == (event["type"],)
    assert isinstance(event["event_id"], str)


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: type(each).__name__)
def test_the_official_client_knows_every_event(event: LiveEvent) -> None:
    for each in Dialect("sess_1", 1).events(event):
        check(each, RealtimeServerEvent)


@pytest.mark.parametrize("event", EVENTS, ids=lambda each: type(each).__name__)
def test_clients_of_the_beta_know_theirs(event: LiveEvent) -> None:
    for each in Dialect("sess_1", 1, beta=True).events(event):
        check(each, BetaServerEvent)


@pytest.mark.parametrize("settings", [LiveSettings(), FULL, LiveSettings(turns=None)])
def test_a_session_is_told_as_the_official_types_have_it(settings: LiveSettings) -> None:
    for what in ("created", "updated"):
        check(Dialect("sess_1", 1).session(settings, what), RealtimeServerEvent)
    for event in (cleared(), trouble(FAULT, "e1"), farewell("session_expired", "it is late")):
        check(event, RealtimeServerEvent)


def test_a_committed_turn_is_added_and_done_and_in_the_beta_created() -> None:
    kinds = [each["type"] for each in Dialect("s", 1).events(TurnCommitted("b", "a"))]
    assert kinds == ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    kinds = [each["type"] for each in Dialect("s", 1, beta=True).events(TurnCommitted("b", "a"))]
    assert kinds == ["input_audio_buffer.committed", "conversation.item.created"]


def test_what_is_told_of_a_session_can_be_sent_back() -> None:
    told: Any = Dialect("sess_1", 1).session(FULL, "updated")["session"]
    again, _ = updated(LiveSettings(), given(**told["audio"]["input"]), beta=False)
    assert again == FULL
    flat: Any = Dialect("sess_1", 1, beta=True).session(FULL, "updated")["session"]
    names = ("input_audio_format", "input_audio_transcription", "turn_detection", "input_audio_noise_reduction")
    again, _ = updated(LiveSettings(), beta(**{name: flat[name] for name in names}), beta=True)
    assert again == FULL


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    settings, _ = updated(FULL, given(transcription={"language": "fr"}), beta=False)
    assert settings == LiveSettings("ear", "fr", FULL.prompt, FULL.format, FULL.turns)
    settings, _ = updated(FULL, given(transcription={"model": "other", "prompt": None, "language": None}), beta=False)
    assert (settings.model, settings.language, settings.prompt) == ("other", None, None)
    settings, _ = updated(FULL, given(turn_detection={"type": "server_vad", "silence_duration_ms": 700}), beta=False)
    assert settings.turns == TurnRules(0.4, 100, 700)
    settings, _ = updated(FULL, given(turn_detection=None), beta=False)
    assert settings.turns is None


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ({"type": "audio/pcm"}, LineFormat()), ({"type": "audio/pcm", "rate": 16_000}, LineFormat(rate=16_000)),
        ({"type": "audio/pcmu"}, LineFormat(SoundCoding.MU_LAW, 8_000)),
        ({"type": "audio/pcma", "rate": None}, LineFormat(SoundCoding.A_LAW, 8_000)),
    ],
)  # fmt: skip
def test_formats(format: dict[str, object], expected: LineFormat) -> None:
    assert updated(LiveSettings(), given(format=format), beta=False)[0].format == expected


@pytest.mark.parametrize("name", ["pcm16", "g711_ulaw", "g711_alaw"])
def test_formats_of_the_beta(name: str) -> None:
    settings, _ = updated(LiveSettings(), beta(input_audio_format=name), beta=True)
    told: Any = Dialect("s", 1, beta=True).session(settings, "updated")["session"]
    assert told["input_audio_format"] == name


def test_what_has_no_effect_is_noted() -> None:
    event = given(
        noise_reduction={"type": "near_field"}, turn_detection={"type": "server_vad", "create_response": True}
    )
    _, notes = updated(LiveSettings(), event, beta=False)
    assert [each.partition(":")[0] for each in notes] == ["noise_reduction", "create_response, interrupt_response"]
    assert updated(LiveSettings(), given(noise_reduction=None), beta=False)[1] == ()


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "session.update"}, "session"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "session.type"),
        ({"type": "session.update", "session": {"instructions": "x"}}, "session.instructions"),
        ({"type": "session.update", "session": {"include": ["item.input_audio_transcription.logprobs"]}},
         "session.include"),
        (given(format={"type": "audio/mp3"}), "session.audio.input.format.type"),
        (given(format={"type": "audio/pcm", "rate": 11_025}), "session.audio.input.format.rate"),
        (given(format={"type": "audio/pcmu", "rate": 24_000}), "session.audio.input.format.rate"),
        (given(transcription=None), "session.audio.input.transcription"),
        (given(transcription={"language": "English"}), "session.audio.input.transcription.language"),
        (given(transcription={"model": 3}), "session.audio.input.transcription.model"),
        (given(transcription={"keywords": ["Ada"]}), "session.audio.input.transcription.keywords"),
        (given(turn_detection={"type": "server_vad", "threshold": 2}), "session.audio.input.turn_detection.threshold"),
        (given(turn_detection={"type": "server_vad", "silence_duration_ms": 0}),
         "session.audio.input.turn_detection.silence_duration_ms"),
        (given(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000}),
         "session.audio.input.turn_detection.idle_timeout_ms"),
        (given(turn_detection={"type": "semantic_vad"}), "session.audio.input.turn_detection.type"),
    ],
)  # fmt: skip
def test_wrong_updates_are_refused_by_the_place(event: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        updated(LiveSettings(), event, beta=False)
    assert refused.value.param == param


def test_wrong_updates_of_the_beta_are_refused_by_their_own_places() -> None:
    with pytest.raises(InvalidRequest) as refused:
        updated(LiveSettings(), beta(input_audio_format="mp3"), beta=True)
    assert refused.value.param == "session.input_audio_format"
    with pytest.raises(UnsupportedParameter) as unsupported:
        updated(LiveSettings(), beta(turn_detection={"type": "semantic_vad"}), beta=True)
    assert unsupported.value.param == "session.turn_detection.type"


@pytest.mark.parametrize("event", [[], "x", None, {}, {"type": 3}, {"type": "response.create"}])
def test_other_events_are_refused(event: object) -> None:
    with pytest.raises(InvalidRequest):
        kind_of(event)


def test_a_prompt_that_every_turn_would_take_along_has_a_limit() -> None:
    updated(LiveSettings(), given(transcription={"prompt": "x" * 65_536}), beta=False)
    with pytest.raises(InvalidRequest, match=r"prompt has more than 65,536 characters"):
        updated(LiveSettings(), given(transcription={"prompt": "x" * 65_537}), beta=False)
