"""Turns, faults and the way of one speech through the engine."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import GenerationFailed, InsufficientMemory, MlxkError
from domain.inference.sound import SoundFormat
from domain.inference.speech import SpeechPiece, Spoken
from domain.serving.vitals import EnginePulse
from tests.support.random_voices import ToyVoice, begin, finish, heard, said, toy


def test_jobs_take_turns_between_pieces_and_never_within_one() -> None:
    voice = ToyVoice(bits=3)
    loaded = toy(voice)
    begin(loaded, "a.\nb.", 1)
    begin(loaded, "c.\nd.", 2)
    finish(loaded)
    assert voice.notes == ["+a.", "-a.", "+c.", "-c.", "+b.", "-b.", "+d.", "-d."]


def test_the_first_piece_is_sent_before_the_second_is_said() -> None:
    voice = ToyVoice()
    loaded = toy(voice)
    begin(loaded, "a.\nb.", streamed=True)
    (told,) = loaded.engine.step()
    assert isinstance(told[1], SpeechPiece)
    assert voice.notes == ["+a."]
    finish(loaded)


def test_a_fault_ends_its_own_job_alone() -> None:
    loaded = toy(ToyVoice(faults={"bad.": ValueError("no such\n phoneme")}))
    begin(loaded, "bad.", 1)
    begin(loaded, "good.", 2)
    told = finish(loaded)
    assert isinstance(told[1][-1], GenerationFailed)
    assert told[1][-1].message == "the model failed on this text: no such phoneme"
    assert isinstance(told[2][-1], Spoken)


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (MemoryError(), InsufficientMemory, "no memory"),
        (float("nan"), GenerationFailed, "no numbers"),
        (float("inf"), GenerationFailed, "no numbers"),
        (RuntimeError(), GenerationFailed, "RuntimeError"),
    ],
)
def test_what_goes_wrong_is_told(fault: Exception | float, kind: type[MlxkError], says: str) -> None:
    loaded = toy(ToyVoice(faults={"hm.": fault}))
    with pytest.raises(kind, match=says):
        said(loaded, "hm.")
    assert loaded.engine.jobs == 0


def test_what_is_too_loud_is_clipped() -> None:
    data, _ = said(toy(ToyVoice(faults={"loud.": 5.0})), "loud.", format=SoundFormat.WAV)
    samples, _ = heard(data, SoundFormat.WAV)
    assert np.all(samples == samples.max())
    assert samples.max() == pytest.approx(1.0, abs=1e-3)


def test_a_model_that_says_nothing_failed() -> None:
    with pytest.raises(GenerationFailed, match="said nothing"):
        said(toy(ToyVoice(bits=0)), "Hi.")


def test_a_dropped_speech_is_closed_where_it_stands() -> None:
    voice = ToyVoice(bits=2)
    loaded = toy(voice)
    begin(loaded, "a.\nb.")
    loaded.engine.step()
    loaded.engine.drop(1)
    assert voice.notes == ["+a.", "-a."]


def test_a_rate_that_changes_on_the_way_is_a_fault() -> None:
    voice = ToyVoice()
    loaded = toy(voice)
    begin(loaded, "a.\nb.")
    loaded.engine.step()
    voice.rate = 16_000
    (last,) = finish(loaded)[1]
    assert isinstance(last, GenerationFailed)
    assert "16000 Hz" in last.message


def test_what_a_step_may_take_grows_with_the_slowest_piece() -> None:
    loaded = toy()

    def pulse() -> EnginePulse:
        return loaded.engine.pulse()

    untried = pulse().step_seconds
    assert untried >= 60
    said(loaded, "Hello.")
    assert 0 < pulse().step_seconds < untried


def test_long_files_go_in_several_pieces() -> None:
    loaded = toy()
    begin(loaded, "x" * 600, format=SoundFormat.WAV)
    *pieces, last = finish(loaded)[1]
    assert isinstance(last, Spoken)
    sizes = [len(each.data) for each in pieces if isinstance(each, SpeechPiece)]
    assert len(sizes) > 1
    assert max(sizes) == 1 << 18
    assert sum(sizes) == 44 + 2 * round(last.duration_seconds * last.rate)
