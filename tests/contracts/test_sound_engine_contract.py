"""What every SoundEngine that hears does, with its codec: Whisper's, that of other families, and the scripted one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
import pytest

from adapters.inference.hearing.codec import PreparedSound
from adapters.inference.sound.runtime import MlxSoundRuntime
from domain.catalog import LocatedModel, ModelSource
from domain.errors import GenerationFailed, InvalidMedia, MlxkError
from domain.inference.sound import SoundBytes
from domain.inference.transcription import (
    HeardSegment,
    HearingEvent,
    HearingProgress,
    Transcription,
    TranscriptionRequest,
)
from domain.serving.load_options import LoadOptions, Task
from ports.sound_engine import SoundCodec, SoundEngine, SoundEvent, SoundJob
from tests.support.fakes.sound_engine import POISON, ScriptedSoundCodec, ScriptedSoundEngine
from tests.support.speech_models import build_family
from tests.support.trained_whisper import LONG, SHORT, WHISPER

Told = dict[int, list[SoundEvent | MlxkError]]


@dataclass(frozen=True)
class Case:
    """make: an engine and its codec. sounds: of several lengths. poison: prepared, and the engine fails over it."""

    make: Callable[[], tuple[SoundEngine, SoundCodec]]
    sounds: Sequence[bytes]
    poison: object


def of_folder(folder: PurePath) -> tuple[SoundEngine, SoundCodec]:
    model = LocatedModel("org/ears", folder, ModelSource.WORKSPACE)
    loaded = MlxSoundRuntime().load(model, LoadOptions(task=Task.TRANSCRIBE))
    return loaded.engine, loaded.codec


def scripted() -> tuple[SoundEngine, SoundCodec]:
    return ScriptedSoundEngine(), ScriptedSoundCodec()


@pytest.fixture(scope="module", params=["whisper", "parakeet", "scripted"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    if request.param == "scripted":
        return Case(scripted, (b"one two three", b"four", b"five six"), (POISON,))
    clips = [clip.path.read_bytes() for clip in (SHORT[0], LONG[0], SHORT[1])]
    poison = PreparedSound(np.array(["no number"]))
    if request.param == "whisper":
        return Case(lambda: of_folder(WHISPER), clips, poison)
    folder = build_family(tmp_path_factory.mktemp(request.param), request.param)
    return Case(lambda: of_folder(folder), clips, poison)


@pytest.fixture(scope="module")
def ears(case: Case) -> Iterator[tuple[SoundEngine, SoundCodec]]:
    engine, codec = case.make()
    yield engine, codec
    engine.close()


class Asking:
    """Sounds given to an engine, and what came of them."""

    def __init__(self, ears: tuple[SoundEngine, SoundCodec]) -> None:
        self.engine, self.codec = ears
        self.told: Told = {}

    def add(self, job_id: int, sound: bytes, *, live: bool = False) -> None:
        request = TranscriptionRequest(SoundBytes(sound), live=live)
        self.engine.add(SoundJob(job_id, request, self.codec.prepare(request)))

    def step(self) -> None:
        for job_id, event in self.engine.step():
            ended = self.told.get(job_id, [None])[-1]
            assert not isinstance(ended, Transcription | MlxkError), "something was said after the end"
            self.told.setdefault(job_id, []).append(event)

    def to_the_end(self) -> Told:
        while self.engine.jobs:
            self.step()
        return self.told

    def whole(self, job_id: int) -> Transcription:
        event = self.told[job_id][-1]
        assert isinstance(event, Transcription), event
        return event


@pytest.fixture
def asking(ears: tuple[SoundEngine, SoundCodec]) -> Iterator[Asking]:
    made = Asking(ears)
    yield made
    assert made.engine.jobs == 0


def heard(events: Sequence[HearingEvent | object]) -> list[HeardSegment]:
    return [event for event in events if isinstance(event, HeardSegment)]


def test_it_begins_with_the_length_and_ends_with_all_that_was_heard(case: Case, asking: Asking) -> None:
    asking.add(1, case.sounds[1])
    assert asking.engine.jobs == 1
    events = asking.to_the_end()[1]
    whole = asking.whole(1)
    assert events[0] == HearingProgress(0.0, whole.duration_seconds)
    assert whole.text == "".join(event.delta for event in heard(events)) and whole.text
    assert whole.segments == tuple(event.segment for event in heard(events))
    assert asking.engine.jobs == 0


def test_segments_and_progress_are_in_order_and_within_the_sound(case: Case, asking: Asking) -> None:
    asking.add(1, case.sounds[1])
    events = asking.to_the_end()[1]
    whole = asking.whole(1)
    earliest = 0.0
    for number, segment in enumerate(whole.segments):
        assert segment.number == number
        assert earliest <= segment.start <= segment.end <= whole.duration_seconds
        earliest = segment.start
    progress = [event.done_seconds for event in events if isinstance(event, HearingProgress)]
    assert progress == sorted(progress) and progress[-1] <= whole.duration_seconds


def test_sounds_heard_side_by_side_are_heard_as_alone(case: Case, asking: Asking) -> None:
    alone = []
    for sound in case.sounds:
        asking.add(1, sound)
        asking.to_the_end()
        alone.append(asking.whole(1))
        asking.told.clear()
    for job_id, sound in enumerate(case.sounds):
        asking.add(job_id, sound)
    asking.to_the_end()
    for job_id, expected in enumerate(alone):
        assert blurred(asking.whole(job_id)) == blurred(expected)


def blurred(whole: Transcription) -> Transcription:
    """Rows that share a pass differ in the last digits of their probabilities."""
    segments = tuple(replace(each, average_logprob=round(each.average_logprob, 2)) for each in whole.segments)
    return replace(whole, segments=segments)


def test_the_same_sound_is_heard_as_the_same_again(case: Case, asking: Asking) -> None:
    for job_id in (1, 2):
        asking.add(job_id, case.sounds[0])
        asking.to_the_end()
    assert asking.whole(1) == asking.whole(2)


def test_nothing_is_said_of_a_sound_that_was_dropped(case: Case, asking: Asking) -> None:
    asking.add(1, case.sounds[1])
    asking.add(2, case.sounds[0])
    asking.step()
    asking.told.clear()
    asking.engine.drop(1)
    asking.engine.drop(1)
    asking.engine.drop(99)
    assert asking.engine.jobs == 1
    assert set(asking.to_the_end()) == {2}


def test_a_sound_that_is_dropped_at_once_says_nothing_at_all(case: Case, asking: Asking) -> None:
    asking.add(1, case.sounds[0])
    asking.engine.drop(1)
    assert asking.engine.jobs == 0
    assert list(asking.engine.step()) == []


def test_who_speaks_is_answered_before_files_that_came_first(case: Case, asking: Asking) -> None:
    for job_id in (1, 2, 3, 4):
        asking.add(job_id, case.sounds[0])
    asking.add(5, case.sounds[0], live=True)
    while 5 not in asking.told or not isinstance(asking.told[5][-1], Transcription):
        asking.step()
    assert sum(isinstance(asking.told[job_id][-1], Transcription) for job_id in (1, 2, 3, 4)) < 4
    asking.to_the_end()
    assert all(asking.whole(job_id).text == asking.whole(5).text for job_id in (1, 2, 3, 4))


def test_a_fault_ends_its_own_sound(case: Case, asking: Asking) -> None:
    asking.add(1, case.sounds[0])
    request = TranscriptionRequest(SoundBytes(b"?"))
    asking.engine.add(SoundJob(2, request, case.poison))
    asking.add(3, case.sounds[2])
    told = asking.to_the_end()
    assert isinstance(told[2][-1], GenerationFailed)
    assert asking.whole(1).text and asking.whole(3).text


def test_what_is_no_sound_is_refused_before_the_engine_sees_it(asking: Asking) -> None:
    with pytest.raises(InvalidMedia) as caught:
        asking.codec.prepare(TranscriptionRequest(SoundBytes(b"\xff")))
    assert caught.value.param == "file"


def test_the_pulse_counts_sounds_and_knows_how_long_a_step_may_take(case: Case, asking: Asking) -> None:
    asking.add(1, case.sounds[0])
    pulse = asking.engine.pulse()
    assert (pulse.running, pulse.reading) == (0, 1) and pulse.step_seconds > 0
    asking.to_the_end()
    pulse = asking.engine.pulse()
    assert (pulse.running, pulse.reading) == (0, 0) and pulse.step_seconds > 0


def test_nothing_to_do_brings_nothing(asking: Asking) -> None:
    assert list(asking.engine.step()) == []


def test_a_closed_engine_takes_nothing_and_may_be_closed_again(case: Case) -> None:
    engine, codec = case.make()
    request = TranscriptionRequest(SoundBytes(case.sounds[0]))
    prepared = codec.prepare(request)
    engine.close()
    engine.close()
    with pytest.raises(GenerationFailed):
        engine.add(SoundJob(1, request, prepared))
