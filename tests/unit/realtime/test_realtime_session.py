"""A live session over fake workers: what is told, in which order, whoever commits."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from domain.catalog import LocatedModel, ModelSource
from domain.errors import GenerationFailed, InvalidRequest, ModelNotFound, NothingToCommit
from domain.inference.live_session import (
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
from domain.inference.sound import SoundSamples
from domain.inference.spoken_turns import TurnRules
from tests.support.fakes.voice_detectors import loud, quiet
from tests.support.fakes.worker import FakeWorker, FakeWorkerLauncher
from tests.support.live_kit import Live, live

BY_HAND = LiveSettings("ear", turns=None)
RULES = TurnRules(prefix_ms=100, silence_ms=200, least_ms=40)
TURNS = LiveSettings("ear", turns=RULES)
SPEECH = quiet(0.5) + loud(1) + quiet(0.5)


@pytest.fixture
def worker() -> FakeWorker:
    launcher = FakeWorkerLauncher()
    return launcher.launch(LocatedModel("ear", PurePosixPath("/models/ear"), ModelSource.CACHE))


def samples(live: Live, at: int = 0) -> SoundSamples:
    sound = live.requests[at].sound
    assert isinstance(sound, SoundSamples)
    return sound


def test_a_turn_is_told_from_its_beginning_to_its_text(worker: FakeWorker) -> None:
    worker.script.sounds.live = ["Good morning"]
    with live(worker, TURNS) as one:
        one.session.append(SPEECH)
        one.told.answers(1)
        assert one.told.events == [
            SpeechStarted("t1", 400), SpeechStopped("t1", 1700), TurnCommitted("t1", None),
            TurnDelta("t1", "Good morning"), TurnHeard("t1", "Good morning", 1.3),
        ]  # fmt: skip


def test_a_turn_holds_its_prefix_its_speech_and_its_silence_sample_for_sample(worker: FakeWorker) -> None:
    with live(worker, TURNS) as one:
        one.session.append(SPEECH)
        one.told.answers(1)
        assert samples(one).data == quiet(0.1) + loud(1) + quiet(0.2)
        assert samples(one).rate == 24_000
        assert one.requests[0].live


@pytest.mark.parametrize("size", [1, 7, 959, 961, 4801, 100_000])
def test_it_does_not_matter_in_which_pieces_sound_comes(worker: FakeWorker, size: int) -> None:
    sound = (quiet(0.1) + loud(0.2) + quiet(0.25)) if size == 1 else SPEECH + SPEECH
    with live(worker, TURNS) as whole:
        whole.session.append(sound)
        whole.session.finish()
        expected = [each.sound for each in whole.requests]
    with live(worker, TURNS) as cut:
        for at in range(0, len(sound), size):
            cut.session.append(sound[at : at + size])
        cut.session.finish()
        assert [each.sound for each in cut.requests][len(expected) :] == expected != []


def test_a_second_speaker_begins_a_turn_while_the_first_is_transcribed(worker: FakeWorker) -> None:
    worker.script.sounds.live = ["First", "Second"]
    worker.script.hold_after = 0
    with live(worker, TURNS) as one:
        one.session.append(SPEECH)
        one.told.wait_for(TurnCommitted)
        one.session.append(loud(0.5))
        assert [each.item_id for each in one.told.wait_for(SpeechStarted, 2)] == ["t1", "t2"]
        assert one.told.of(TurnHeard) == []
        worker.script.hold_after = None
        with worker.news:
            worker.news.notify_all()
        one.session.append(quiet(0.5))
        assert [(each.item_id, each.text) for each in one.told.wait_for(TurnHeard, 2)] == [
            ("t1", "First"), ("t2", "Second"),
        ]  # fmt: skip
        assert one.told.of(TurnCommitted) == [TurnCommitted("t1", None), TurnCommitted("t2", "t1")]


def test_by_hand_everything_since_the_last_commit_is_a_turn(worker: FakeWorker) -> None:
    with live(worker, BY_HAND) as one:
        one.session.append(SPEECH)
        one.session.append(loud(0.5))
        assert one.told.events == []
        one.session.commit()
        one.session.append(quiet(0.2))
        one.session.commit()
        one.told.answers(2)
        assert [samples(one, at).data for at in (0, 1)] == [SPEECH + loud(0.5), quiet(0.2)]


@pytest.mark.parametrize("settings", [BY_HAND, TURNS])
def test_less_than_a_tenth_of_a_second_is_no_turn(worker: FakeWorker, settings: LiveSettings) -> None:
    with live(worker, settings) as one:
        with pytest.raises(NothingToCommit, match="holds 0 ms"):
            one.session.commit()
        one.session.append(loud(0.06))
        with pytest.raises(NothingToCommit, match="holds 60 ms"):
            one.session.commit()
        one.session.append(loud(0.06))
        one.session.commit()
        assert len(one.told.answers(1)) == 1


def test_a_turn_that_runs_can_be_committed_by_hand_under_the_name_it_has(worker: FakeWorker) -> None:
    with live(worker, TURNS) as one:
        one.session.append(quiet(0.5) + loud(0.5))
        one.session.commit()
        one.session.append(quiet(0.5))
        one.told.answers(1)
        assert one.told.of(TurnCommitted) == [TurnCommitted("t1", None)]
        assert one.told.of(SpeechStopped) == []
        assert samples(one).data == quiet(0.1) + loud(0.5)


def test_what_is_cleared_is_never_heard(worker: FakeWorker) -> None:
    with live(worker, BY_HAND) as one:
        one.session.append(loud(1))
        one.session.clear()
        one.session.append(quiet(0.3))
        one.session.commit()
        one.told.answers(1)
        assert samples(one).data == quiet(0.3)


def test_a_turn_that_is_cleared_has_no_end_and_the_next_one_another_name(worker: FakeWorker) -> None:
    with live(worker, TURNS) as one:
        one.session.append(quiet(0.5) + loud(0.5))
        one.session.clear()
        one.session.append(quiet(0.5) + SPEECH)
        one.told.answers(1)
        assert [each.item_id for each in one.told.of(SpeechStarted)] == ["t1", "t2"]
        assert one.told.of(TurnCommitted) == [TurnCommitted("t2", None)]
        assert samples(one).data == quiet(0.1) + loud(1) + quiet(0.2)


def test_half_a_sample_waits_for_its_other_half_and_is_dropped_by_a_clear(worker: FakeWorker) -> None:
    sound = loud(0.2)
    with live(worker, BY_HAND) as one:
        one.session.append(sound[:3])
        one.session.clear()
        one.session.append(sound[:5])
        one.session.append(sound[5:])
        one.session.commit()
        one.told.answers(1)
        assert samples(one).data == sound


@pytest.mark.parametrize(("coding", "silent"), [(SoundCoding.MU_LAW, b"\xff"), (SoundCoding.A_LAW, b"\xd5")])
def test_telephone_sound_becomes_samples(worker: FakeWorker, coding: SoundCoding, silent: bytes) -> None:
    with live(worker, replace(BY_HAND, format=LineFormat(coding, 8_000))) as one:
        one.session.append(b"\x80" * 800 + silent * 800)
        one.session.commit()
        one.told.answers(1)
        heard = samples(one)
        assert (heard.rate, heard.seconds) == (8_000, 0.2)
        assert abs(int.from_bytes(heard.data[:2], "little", signed=True)) > 5_000
        assert abs(int.from_bytes(heard.data[-2:], "little", signed=True)) <= 8


def test_a_turn_is_heard_as_was_agreed_when_it_ended(worker: FakeWorker) -> None:
    with live(worker, BY_HAND) as one:
        one.session.update(replace(BY_HAND, language="de", prompt="Namen: Ada"))
        one.session.append(loud(0.2))
        one.session.commit()
        one.session.update(replace(BY_HAND, language="fr"))
        one.session.append(loud(0.2))
        one.session.commit()
        one.told.answers(2)
        assert [(each.language, each.prompt) for each in one.requests] == [("de", "Namen: Ada"), ("fr", None)]


def test_the_model_is_loaded_when_it_is_named_and_again_only_when_it_changes(worker: FakeWorker) -> None:
    with live(worker, BY_HAND) as one:
        one.session.update(replace(BY_HAND, language="de"))
        one.session.update(replace(BY_HAND, model="other"))
        one.session.finish()
        assert one.ear.prepared == ["ear", "other"]


def test_a_model_that_cannot_be_loaded_is_told_at_once_and_the_session_goes_on(worker: FakeWorker) -> None:
    with live(worker, LiveSettings(None, turns=None)) as one:
        fault = ModelNotFound("no model is called x")
        one.ear.refuse["x"] = fault
        one.session.update(replace(BY_HAND, model="x"))
        assert one.told.wait_for(Trouble) == [Trouble(fault)]
        one.session.update(BY_HAND)
        one.session.append(loud(0.2))
        one.session.commit()
        assert isinstance(one.told.answers(1)[0], TurnHeard)


def test_a_turn_without_a_model_fails_by_the_name_of_the_field(worker: FakeWorker) -> None:
    with live(worker, LiveSettings(turns=None)) as one:
        one.session.append(loud(0.2))
        one.session.commit()
        (failed,) = one.told.answers(1)
        assert isinstance(failed, TurnFailed)
        assert failed.fault.param == "session.audio.input.transcription.model"


def test_a_turn_that_fails_is_told_and_the_next_one_is_heard(worker: FakeWorker) -> None:
    fault = GenerationFailed("the engine stumbled")
    worker.script.sounds.refuse = [fault]
    with live(worker, BY_HAND) as one:
        one.session.append(loud(0.2))
        one.session.commit()
        assert one.told.answers(1) == [TurnFailed("t1", fault)]
        worker.script.sounds.refuse = []
        one.session.append(loud(0.2))
        one.session.commit()
        assert isinstance(one.told.answers(2)[1], TurnHeard)


def test_a_fault_of_our_own_fails_its_turn_alone(worker: FakeWorker) -> None:
    worker.script.sounds.refuse = [KeyError("odd")]  # type: ignore[list-item]
    with live(worker, BY_HAND) as one:
        one.session.append(loud(0.2))
        one.session.commit()
        (failed,) = one.told.answers(1)
        assert isinstance(failed, TurnFailed)
        assert failed.fault.code == "internal_error"
        worker.script.sounds.refuse = []
        one.session.append(loud(0.2))
        one.session.commit()
        assert isinstance(one.told.answers(2)[1], TurnHeard)


def test_the_format_cannot_change_once_there_is_sound(worker: FakeWorker) -> None:
    telephone = replace(BY_HAND, format=LineFormat(SoundCoding.A_LAW, 8_000))
    with live(worker, BY_HAND) as one:
        one.session.update(telephone)
        one.session.update(BY_HAND)
        one.session.append(loud(0.2))
        with pytest.raises(InvalidRequest, match="format cannot change"):
            one.session.update(telephone)
        assert one.session.settings == BY_HAND
        one.session.update(replace(BY_HAND, language="en"))


def test_turn_detection_can_be_switched_off_and_on(worker: FakeWorker) -> None:
    with live(worker, BY_HAND) as one:
        one.session.append(loud(0.5) + quiet(0.5))
        one.session.update(TURNS)
        one.session.append(SPEECH)
        one.told.answers(1)
        one.session.update(BY_HAND)
        one.session.append(SPEECH)
        one.session.commit()
        assert len(one.told.answers(2)) == 2
        assert len(one.told.of(SpeechStarted)) == 1


def test_what_nobody_commits_is_refused_beyond_a_limit(worker: FakeWorker) -> None:
    with live(worker, BY_HAND) as one:
        one.session.append(quiet(180))
        with pytest.raises(InvalidRequest, match="180 s"):
            one.session.append(quiet(1))
        one.session.commit()
        one.session.append(quiet(1))
        one.told.answers(1)
        assert samples(one).seconds == 180


def test_silence_that_no_turn_wants_is_not_kept_for_ever(worker: FakeWorker) -> None:
    with live(worker, TURNS) as one:
        one.session.append(quiet(100))
        one.session.commit()
        one.told.answers(1)
        assert samples(one).seconds == 30


def test_who_sends_faster_than_turns_are_heard_is_held_up(worker: FakeWorker) -> None:
    worker.script.hold_after = 0
    with live(worker, TURNS) as one:
        turn = loud(24) + quiet(0.5)
        for _ in range(4):  # one is heard, three wait
            one.session.append(turn)
        sender = threading.Thread(target=lambda: deque(map(one.session.append, (turn, turn))))
        sender.start()
        assert len(one.told.wait_for(TurnCommitted, 5)) == 5
        worker.script.hold_after = None
        with worker.news:
            worker.news.notify_all()
        assert len(one.told.answers(6)) == 6
        sender.join()


def test_a_closed_session_holds_nobody_up(worker: FakeWorker) -> None:
    worker.script.hold_after = 0
    with live(worker, TURNS) as one:
        turn = loud(24) + quiet(0.5)
        for _ in range(4):
            one.session.append(turn)
        sender = threading.Thread(target=one.session.append, args=(turn,))
        sender.start()
        one.told.wait_for(TurnCommitted, 5)
        one.session.close()
        sender.join()


def test_the_end_of_a_session_waits_for_its_last_turn(worker: FakeWorker) -> None:
    worker.script.sounds.live = ["The last word"]
    with live(worker, BY_HAND) as one:
        one.session.append(loud(0.2))
        one.session.commit()
        one.session.finish()
        assert one.told.of(TurnHeard) == [TurnHeard("t1", "The last word", 0.2)]


def test_a_closed_session_cancels_what_is_transcribed(worker: FakeWorker) -> None:
    worker.script.hold_after = 0
    with live(worker, BY_HAND) as one:
        one.session.append(loud(0.2))
        one.session.commit()
        one.told.wait_for(TurnCommitted)
    one.session.finish()
    assert all(stream.over or stream._cancelled for stream in worker.streams)
    assert one.told.of(TurnHeard) == []


def test_sessions_turns_and_seconds_are_counted(worker: FakeWorker) -> None:
    worker.script.sounds.live = ["Yes"]
    with live(worker, BY_HAND) as one:
        figures = {each.name: each for each in one.counts.families()}
        assert figures["mlxk_realtime_sessions"].samples[0].value == 1
        one.session.append(loud(0.5))
        one.session.commit()
        one.session.finish()
    figures = {each.name: each for each in one.counts.families()}
    assert figures["mlxk_realtime_sessions"].samples[0].value == 0
    assert figures["mlxk_realtime_sessions_total"].samples[0].value == 1
    assert figures["mlxk_realtime_seconds_total"].samples[0].value == 0.5
    (turn,) = figures["mlxk_realtime_turns_total"].samples
    assert (turn.labels, turn.value) == ((("outcome", "heard"),), 1)


def test_other_rules_end_a_turn_that_runs_and_nothing_of_it_is_lost(worker: FakeWorker) -> None:
    worker.script.sounds.live = ["First", "Second"]
    with live(worker, replace(TURNS, language="de")) as one:
        one.session.append(quiet(0.5) + loud(1))
        one.session.update(replace(TURNS, language="fr", turns=replace(RULES, silence_ms=300)))
        assert one.told.wait_for(SpeechStopped) == [SpeechStopped("t1", 1500)]
        one.session.append(loud(1) + quiet(0.5))
        assert [each.item_id for each in one.told.wait_for(TurnHeard, 2)] == ["t1", "t2"]
        assert samples(one).data == quiet(0.1) + loud(1)
        assert [each.language for each in one.requests] == ["de", "fr"]
